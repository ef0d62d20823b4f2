"""From a classifier's outputs to the likeliest label."""

from __future__ import annotations

from comal_scorer.runtime.tensors import Array

# Sigmoid and softmax in float32 overshoot by rounding only.
_ROUNDING = 1e-3
_NO_PROBABILITIES = "the model's outputs are no probabilities; end it in sigmoid or softmax"


class Labels:
    """The names of a model's classes, in the order of its outputs."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Keep the names; one sigmoid output decides between two of them."""
        self._names = names

    def likeliest(self, result: Array) -> tuple[str, float, float]:
        """Return the label, its probability, and the output that decided.

        With one sigmoid output they differ: it is the probability of the second label. Raises
        `ValueError` where the outputs are no probabilities of these labels.
        """
        outputs = result[0].ravel().tolist()
        if max(len(outputs), 2) != len(self._names):
            raise ValueError(f"{len(outputs)} outputs do not fit {len(self._names)} labels")
        if not all(-_ROUNDING <= value <= 1 + _ROUNDING for value in outputs):
            raise ValueError(_NO_PROBABILITIES)
        if len(outputs) == 1:
            second = min(max(outputs[0], 0.0), 1.0)
            index, probability = (1, second) if second > 0.5 else (0, 1 - second)
            return self._names[index], probability, second
        index = max(range(len(outputs)), key=outputs.__getitem__)
        probability = min(max(outputs[index], 0.0), 1.0)
        return self._names[index], probability, probability
