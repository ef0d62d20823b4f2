"""Plots that a person can open: PNG files beside the model, in the workspace's `artefacts`."""

from __future__ import annotations

import os
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DPI: Final = 120
_TITLE_WIDTH: Final = 75  # characters
_SIZE: Final = (7.0, 4.5)
# More classes than this are a picture of stripes; their names and counts are left out.
_MOST_NAMES: Final = 30


def learning_curve(path: Path, title: str, history: Sequence[Mapping[str, float]]) -> None:
    """Draw each metric of the epochs: loss on the left, what is better when higher on the right."""
    figure, axes = _figure(title, columns=2, size=(9.0, 4.0))
    epochs = range(1, len(history) + 1)
    for name in history[0] if history else ():
        if name.startswith("best_"):
            continue
        values = [epoch.get(name, float("nan")) for epoch in history]
        axis = axes[0] if name.endswith("loss") else axes[1]
        axis.plot(epochs, values, marker="o", label=name)
    for axis, label in zip(axes, ("loss", "accuracy"), strict=True):
        axis.set_xlabel("epoch")
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend()
    _save(figure, path)


def confusion_matrix(
    path: Path, title: str, truth: npt.NDArray[Any], found: npt.NDArray[Any], labels: Sequence[str]
) -> None:
    """Draw how often each true label (rows) was taken for each label (columns)."""
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, (truth.astype(int), found.astype(int)), 1)
    figure, [axis] = _figure(title, size=(6.5, 6.0))
    axis.imshow(counts, cmap="Blues")
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    if len(labels) <= _MOST_NAMES:
        axis.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
        axis.set_yticks(range(len(labels)), labels)
        middle = counts.max() / 2
        for (row, column), count in np.ndenumerate(counts):
            shade = "white" if count > middle else "black"
            axis.text(column, row, str(count), ha="center", va="center", color=shade)
    _save(figure, path)


def prediction_scatter(
    path: Path, title: str, truth: npt.NDArray[Any], predicted: npt.NDArray[Any], unit: str
) -> None:
    """Draw predictions over true values; on the line they are equal."""
    figure, [axis] = _figure(title)
    axis.scatter(truth, predicted, s=10, alpha=0.5)
    ends = [min(truth.min(), predicted.min()), max(truth.max(), predicted.max())]
    axis.plot(ends, ends, color="grey", linewidth=1)
    axis.set_xlabel(f"true {unit}")
    axis.set_ylabel(f"predicted {unit}")
    axis.grid(alpha=0.3)
    _save(figure, path)


def _figure(
    title: str, columns: int = 1, size: tuple[float, float] = _SIZE
) -> tuple[Any, Sequence[Axes]]:
    # Its font cache goes where it can be written, in images whose root file system cannot be.
    os.environ.setdefault("MPLCONFIGDIR", str(Path(tempfile.gettempdir()) / "matplotlib"))
    # Loaded late: it takes a second. Without pyplot there is no window, and no global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(textwrap.fill(title, _TITLE_WIDTH), fontsize=10)
    return figure, [figure.add_subplot(1, columns, number + 1) for number in range(columns)]


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)
    print(f"drawn: {path.name}", flush=True)
