-- wrk's script: BODY is a file, HEADER_LENGTH that of a binary request's JSON; prints one JSON line.
local file = io.open(os.getenv("BODY"), "rb")
wrk.body = file:read("*a")
file:close()
wrk.method = "POST"
local length = os.getenv("HEADER_LENGTH")
wrk.headers["Content-Type"] = length and "application/octet-stream" or "application/json"
if length then wrk.headers["Inference-Header-Content-Length"] = length end
done = function(summary, latency)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('JSON {"requests": %d, "seconds": %.3f, "p50": %.3f, "p99": %.3f, "bad": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, bad))
end
