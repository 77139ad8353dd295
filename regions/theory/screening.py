"""Which inputs matter: screening by the gradients of a network at its first step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arguments import check_flag, check_reals, check_whole, is_number, is_whole
from regions.errors import ArgumentError
from regions.progress import track
from regions.randomness import Rng
from regions.results import Result, jsonable
from regions.theory.points import read_generator

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PARTS = ("even", "odd", "raw")
_MOST = 10**6  # biases


@dataclass(frozen=True, kw_only=True, repr=False)
class Screening(Result):
    """The inputs that `screen` kept, and why.

    Attributes
    ----------
    kept : array of int
        The inputs kept, ascending.
    scores : mapping of part to array of shape (d,)
        Sum over biases of the squared norms of the truncated gradients at the probe of each input.
    direction : array of int
        Support of one truncated gradient of the odd part; empty without that part.
    size, c : int, float
        As given.

    Examples
    --------
    >>> from regions.theory import SingleIndex
    >>> model = SingleIndex.sparse(inputs=20, size=3, rng=0)
    >>> found = screen(*model.sample(1000, rng=1), size=3, parts=["even"], rng=2)
    >>> sorted(found.scores), found.size
    (['even'], 3)
    """

    kept: np.ndarray
    scores: Mapping[str, np.ndarray]
    direction: np.ndarray
    size: int
    c: float

    def recall(self, support: Collection[int]) -> float:
        """Return the share of `support` that was kept."""
        return float(np.isin(list(support), self.kept).mean())

    def to_frame(self) -> pd.DataFrame:
        """Return one row per input: `input`, `kept`, and `score_<part>`."""
        import pandas as pd

        inputs = np.arange(len(next(iter(self.scores.values()))))
        scores = {f"score_{part}": values for part, values in self.scores.items()}
        return pd.DataFrame({"input": inputs, "kept": np.isin(inputs, self.kept), **scores})

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready objects."""
        return jsonable(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the score of every input, part by part; the inputs kept are filled."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        for index, (part, scores) in enumerate(self.scores.items()):
            colour = f"C{index}"
            ax.plot(scores, "o", mfc="none", color=colour, ms=4)
            ax.plot(self.kept, scores[self.kept], "o", color=colour, ms=4, label=f"{part}, kept")
        ax.set(xlabel="input", ylabel="sum of squared gradients")
        ax.legend()
        return ax

    def summary(self) -> str:
        """Return how many inputs were kept, and by which parts."""
        inputs = len(next(iter(self.scores.values())))
        parts = " and ".join(self.scores)
        return (
            f"{len(self.kept)} of {inputs} inputs kept: the {self.size} with the largest gradients "
            f"of the {parts} part (basis point c = {self.c:.3g})."
        )


def screen(
    x: Any,
    y: Any,
    size: int,
    *,
    c: float = 0.8,
    biases: int | Sequence[float] = 16,
    parts: Sequence[str] = ("even", "odd"),
    rng: Rng = None,
    progress: bool = False,
) -> Screening:
    """Return the inputs that a two-layer ReLU network's first gradient depends on.

    For every input j, the first-layer gradient of the squared loss is taken at mirrored units
    (output 0) whose weights are the probe c e_j + sqrt(1 - c^2) e_0, where e_0 is one more,
    independent normal input. It is split into the parts of the even and of the odd part of the
    activation, its `size` largest entries are kept, and their squares are summed over biases. The
    `size` inputs with the largest sums are kept, for each part, and for the odd part also the
    support of the largest truncated gradient.

    Parameters
    ----------
    x, y : arrays of shape (n, d) and (n,)
        Normal inputs and their values.
    size : int
        M, entries kept per gradient and inputs kept per part.
    c : float
        The basis point, in (0, 1]. 1 is the plain basis, which has no extra input: quickest to see
        the support, but safe only if no entry of the direction dominates. The theorem's asymptotic
        choice 1/log d is *not* the default: at d = 256 it costs several times as many samples.
        No fixed c is safe for every polynomial.
    biases : int or sequence of float
        Biases of the units, or how many to draw from N(0, 1).
    parts : sequence of str
        From "even", "odd" and "raw". Raw gradients are no part of the method but its control: a
        linear term makes them *smaller* on the support.

    Notes
    -----
    With phi+-(t; b) = (phi(t + b) +- phi(-t + b)) / 2, the gradient of the odd part is half the
    *sum* of the gradients at the probe and its mirror image, that of the even part half their
    *difference*, because the inner derivative of phi(-t + b) is -1. The entry of the extra input is
    never kept. Ours where the published text leaves it open: which gradient gives the support.

    References
    ----------
    Vural and Erdogdu (COLT 2024), section on the algorithm.

    Examples
    --------
    >>> from regions.theory import SingleIndex
    >>> model = SingleIndex.sparse(inputs=40, size=4, rng=0)
    >>> found = screen(*model.sample(2000, rng=1), size=4, parts=["even"], rng=2)
    >>> found.recall(model.support)
    1.0
    """
    x, y = read_samples(x, y)
    _check(x.shape[1], size, c, parts)
    check_flag(progress, "progress")
    generator = read_generator(rng)
    drawn = _biases(biases, generator)
    extra = generator.standard_normal(len(x)) if c < 1 else np.zeros(len(x))
    weighted = np.ascontiguousarray((x * y[:, None]).T) / len(x)
    scores = {part: np.zeros(x.shape[1]) for part in parts}
    largest, direction = -1.0, np.zeros(0, dtype=np.int64)
    for j in track(range(x.shape[1]), show=progress, label="probes"):
        probe = c * x[:, j] + np.sqrt(1 - c**2) * extra
        for part in parts:
            gradients = weighted @ _derivative(part, probe, drawn)
            squares = np.partition(gradients**2, -size, axis=0)[-size:].sum(axis=0)
            scores[part][j] = squares.sum()
            if part == "odd" and squares.max() > largest:
                largest = squares.max()
                direction = _top(np.abs(gradients[:, squares.argmax()]), size)
    kept = np.unique(np.concatenate([direction, *(_top(s, size) for s in scores.values())]))
    return Screening(kept=kept, scores=scores, direction=direction, size=int(size), c=float(c))


def _derivative(part: str, t: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """Return the derivative of a part of relu(t + b): (samples, biases)."""
    plus = (t[:, None] + biases > 0).astype(np.float64)
    if part == "raw":
        return plus
    minus = biases - t[:, None] > 0
    return (plus - minus) / 2 if part == "even" else (plus + minus) / 2


def _top(values: np.ndarray, size: int) -> np.ndarray:
    return np.sort(np.argsort(-values, kind="stable")[:size])


def _biases(biases: int | Sequence[float], generator: np.random.Generator) -> np.ndarray:
    if is_whole(biases):
        return generator.standard_normal(check_whole(biases, "biases", most=_MOST))
    drawn = check_reals(biases, "biases")
    if drawn.ndim != 1 or drawn.size == 0:
        raise ArgumentError(f"biases must be a number of 1 or more, or finite values: {biases!r}")
    return drawn


def read_samples(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return finite samples in float64: (n, d) and (n,)."""
    x, y = check_reals(x, "x"), check_reals(y, "y")
    if x.ndim != 2 or x.size == 0 or y.shape != x.shape[:1]:
        raise ArgumentError(f"x has shape {x.shape} and y {y.shape}; expected (n, d) and (n,)")
    return x, y


def _check(inputs: int, size: int, c: float, parts: Sequence[str]) -> None:
    check_whole(size, "size", most=inputs)
    if not (is_number(c) and 0 < c <= 1):
        raise ArgumentError(f"c must lie in (0, 1], got {c!r}; 1 is the plain basis")
    listed = isinstance(parts, Sequence) and not isinstance(parts, str)
    if not (listed and parts and all(part in PARTS for part in parts)):
        raise ArgumentError(f"parts must be a list from {PARTS}, got {parts!r}")
