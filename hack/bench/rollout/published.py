"""What others publish or promise; where from stands in docs/rollouts.md."""

SPLIT = "Gateway API conformance ±5 points, KServe's own test ±10"
COST_P50 = "azureml-fe ≤ 3 ms, KServe with Knative +2–3 ms"
COST_P99 = "azureml-fe ≤ 15 ms, KServe with Knative 5.6 against 2.2 ms"
ZERO = "Flagger's documented example: 10 min (interval 1 min × threshold 10)"
