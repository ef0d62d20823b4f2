-- The health of all four kinds, from their conditions. Argo CD takes a kind that it does not know for healthy.
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "the operator has not seen this change yet"}
end

local said = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  said[condition.type] = condition
end
local ready = said.Ready
if ready == nil then
  return {status = "Progressing", message = "the operator has not looked yet"}
end

local waits_for_a_person = {AwaitingApproval = true, Paused = true, Held = true, Suspended = true}
local status = "Progressing"
if said.Stalled ~= nil and said.Stalled.status == "True" then
  status = "Degraded"
elseif waits_for_a_person[ready.reason] then
  status = "Suspended"
elseif ready.status == "True" then
  status = "Healthy"
elseif ready.reason == "Unavailable" then
  status = "Degraded"
end
return {status = status, message = ready.reason .. ": " .. ready.message}
