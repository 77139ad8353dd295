"""What a search for units to remove has found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.results import Result, jsonable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LearnedRemoval(Result):
    """How likely the search, at its end, removes each unit.

    Attributes
    ----------
    probabilities : array of shape (units,)
        Use them as scores: the most likely first.
    best : array of bool, shape (units,)
        The set with the highest reward that was tried.
    best_reward : float
    rewards : array of shape (steps, sets per step)
        The rewards of all sets that were tried.

    Examples
    --------
    >>> from regions.backdoor import search_masks
    >>> found = search_masks(lambda removed: float(removed[0]), 3, rng=0)
    >>> found.best_reward, len(found.to_frame()) == len(found.rewards)
    (1.0, True)
    """

    probabilities: np.ndarray
    best: np.ndarray = field(repr=False)
    best_reward: float
    rewards: np.ndarray = field(repr=False)

    @property
    def evaluations(self) -> int:
        """How often the reward was computed."""
        return self.rewards.size

    def to_frame(self) -> pd.DataFrame:
        """Return one row per step: `step`, `mean`, `best` and `worst` reward."""
        import pandas as pd

        rows = self.rewards
        columns = {"mean": rows.mean(1), "best": rows.max(1), "worst": rows.min(1)}
        return pd.DataFrame({"step": np.arange(1, len(rows) + 1), **columns})

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready objects."""
        return jsonable(self)

    def summary(self) -> str:
        """Return the course of the search in a sentence."""
        means = self.rewards.mean(axis=1)
        return (
            f"{self.evaluations} sets tried; mean reward {means[0]:.4f} at first, {means[-1]:.4f} "
            f"at last; the best one, {self.best_reward:.4f}, removes {self.best.sum()} of "
            f"{len(self.best)} units."
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean reward of each step, with the range from worst to best."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        frame = self.to_frame()
        (line,) = ax.plot(frame["step"], frame["mean"])
        ax.fill_between(frame["step"], frame["worst"], frame["best"], alpha=0.2, lw=0,
                        color=line.get_color())  # fmt: skip
        ax.set(xlabel="step", ylabel="reward (mean; worst to best)")
        return ax
