"""`RecallTable`: recall per class of many models, dense and pruned at several ratios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regions.errors import ArgumentError
from regions.recall.checks import (
    as_counts,
    check_by_ratio,
    check_counts,
    check_ids,
    check_names,
    check_ratio,
    check_ratios,
)
from regions.recall.counts import Counts
from regions.recall.forms import KEYS
from regions.recall.predictions import Predictions, check_predictions, coded, is_named
from regions.recall.tidy import parts_of
from regions.results import Result, jsonable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RecallTable(Result):
    """Correct predictions per class of M models on one test set, before and after pruning.

    Make one with `from_predictions`, `from_counts` or `from_frame`. Row m of every array is the
    same model: pruned networks descend from the dense network of their row.

    Attributes
    ----------
    ratios : tuple of float
        Compression ratios, parameters before / after, ascending; 1 is a control arm that was
        trained further without pruning.
    classes : tuple
        Names or codes of the classes.
    sizes : int array, (classes,)
        Test images of each class, at least 2.
    dense : int array, (models, classes)
        Images of each class that the dense networks get right.
    pruned : int array, (ratios, models, classes)
    both : int array, (ratios, models, classes), or None
        Images that dense and pruned network both get right; None if unknown.
    model_ids : tuple of str
    predictions : Predictions or None
        Image by image, if the table was made from them.
    setting : mapping of str to str
        What the table is about, for example ``{"algorithm": "MP"}``.
    unused : tuple of str
        Columns of the frame it was made from that it does not hold.

    Examples
    --------
    >>> import regions
    >>> dense, tenth = [[912, 962, 865], [903, 959, 858]], [[815, 937, 689], [818, 908, 708]]
    >>> table = regions.RecallTable.from_counts(dense, {10: tenth}, n=1000)
    >>> table.n_models, table.n_classes, table.ratios, table.accuracy_dense.round(3).tolist()
    (2, 3, (10.0,), [0.913, 0.907])
    """

    ratios: tuple[float, ...]
    classes: tuple[Any, ...]
    sizes: np.ndarray = field(repr=False)
    dense: np.ndarray = field(repr=False)
    pruned: np.ndarray = field(repr=False)
    both: np.ndarray | None = field(default=None, repr=False)
    model_ids: tuple[str, ...] = field(default=(), repr=False)
    predictions: Predictions | None = field(default=None, repr=False)
    setting: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unused: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if check_ratios(self.ratios) != tuple(self.ratios):
            raise ArgumentError(f"ratios must ascend, as pruned counts do; got {self.ratios}")
        known: dict[str, Any] = {"ratios": check_ratios(self.ratios)}
        names = ("sizes", "dense", "pruned", *(() if self.both is None else ("both",)))
        known |= {name: as_counts(getattr(self, name), name) for name in names}
        known["classes"] = check_names(self.classes, "class names")
        counts = known["sizes"], known["dense"], known["pruned"], known.get("both")
        check_counts(*counts, known["classes"], known["ratios"])
        models = len(known["dense"])
        given = () if self.model_ids is None else self.model_ids
        ids = range(models) if isinstance(given, tuple) and not given else given
        known["model_ids"] = check_ids(ids, models)
        if not isinstance(self.setting, Mapping):
            raise ArgumentError(f"setting is {self.setting!r}; expected a mapping of str to str")
        if self.predictions is not None:
            check_predictions(self.predictions, Counts(*counts))
        for name, value in known.items():
            object.__setattr__(self, name, value)

    @property
    def n_models(self) -> int:
        """The number of models."""
        return len(self.dense)

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return len(self.sizes)

    @property
    def counts(self) -> Counts:
        """The counts alone, for the estimators."""
        return Counts(self.sizes, self.dense, self.pruned, self.both)

    @property
    def accuracy_dense(self) -> np.ndarray:
        """Accuracy of each dense network, (models,)."""
        return self.dense.sum(-1) / self.sizes.sum()

    @property
    def accuracy_pruned(self) -> np.ndarray:
        """Accuracy of each pruned network, (ratios, models)."""
        return self.pruned.sum(-1) / self.sizes.sum()

    @property
    def identical(self) -> np.ndarray:
        """Whether dense and pruned networks are right on the same images, (ratios,)."""
        same = self.pruned == self.dense
        return (same if self.both is None else same & (self.both == self.dense)).all((1, 2))

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        dense: Any,
        pruned: Mapping[float, Any],
        *,
        model_ids: Sequence[Any] | None = None,
        labels: Sequence[int] | None = None,
        classes: Sequence[str] | None = None,
    ) -> RecallTable:
        """Make a table from predicted classes, image by image.

        Parameters
        ----------
        y_true : int or str array, (images,)
            The true class codes, or the classes' names, which the predictions then are too.
        dense : int array, (models, images)
            The class codes that the dense networks predict.
        pruned : mapping of float to int array, (models, images)
            The same for each compression ratio; row m descends from row m of `dense`.
        model_ids : sequence, optional
            One name per model; default 0, 1, ...
        labels : sequence of int, optional
            The codes of the classes. By default those in `y_true`, which must then be all codes
            between its smallest and largest and all codes predicted.
        classes : sequence of str, optional
            Names of the classes, in the order of `labels`.

        Raises
        ------
        ArgumentError
            If shapes differ, codes are not integers, a class has fewer than two images, or a
            predicted class never occurs in `y_true` (and `labels` does not say that it is none).

        Examples
        --------
        >>> import regions
        >>> y_true = [0, 0, 1, 1]
        >>> table = regions.RecallTable.from_predictions(
        ...     y_true, dense=[[0, 0, 1, 0]], pruned={10: [[0, 1, 1, 0]]}
        ... )
        >>> table.dense.tolist(), table.pruned.tolist(), table.both.tolist()
        ([[2, 1]], [[[1, 1]]], [[[1, 1]]])
        """
        ratios = check_by_ratio(pruned, "pruned")
        if is_named(y_true) and labels is None:
            names, (y_true, dense, *others) = coded(y_true, dense, *pruned.values())
            pruned = dict(zip(pruned, others, strict=True))
            classes, labels = names if classes is None else classes, range(len(names))
        found, codes = Predictions.checked(y_true, dense, pruned, ratios, labels)
        counts = found.counts()
        return cls(
            ratios=ratios,
            classes=tuple(codes) if classes is None else check_names(classes, "class names"),
            sizes=counts.sizes,
            dense=counts.dense,
            pruned=counts.pruned,
            both=counts.both,
            model_ids=() if model_ids is None else check_names(model_ids, "model ids"),
            predictions=found,
        )

    @classmethod
    def from_counts(
        cls,
        k_dense: Any,
        k_pruned: Mapping[float, Any],
        n: Any,
        k_both: Mapping[float, Any] | None = None,
        *,
        model_ids: Sequence[Any] | None = None,
        classes: Sequence[Any] | None = None,
    ) -> RecallTable:
        """Make a table from counts of correct predictions.

        Parameters
        ----------
        k_dense : int array, (models, classes)
        k_pruned : mapping of float to int array, (models, classes)
            For each compression ratio; row m descends from row m of `k_dense`.
        n : int or int array, (classes,)
            Test images of each class.
        k_both : mapping of float to int array, (models, classes), optional
            Images that both networks get right. Without it, measurement noise can be corrected
            only within limits.
        model_ids, classes : sequence, optional
            Names; default 0, 1, ...

        Raises
        ------
        ArgumentError
            If shapes differ, a count is no integer, negative, or larger than it can be.

        Examples
        --------
        >>> import regions
        >>> table = regions.RecallTable.from_counts([[9, 7]], {4: [[7, 5]]}, n=10)
        >>> table.accuracy_dense.tolist(), table.accuracy_pruned.tolist()
        ([0.8], [[0.6]])
        """
        ratios = check_by_ratio(k_pruned, "k_pruned")
        dense = as_counts(k_dense, "k_dense")
        if dense.ndim != 2:
            raise ArgumentError(f"k_dense has shape {dense.shape}; expected (models, classes)")
        pruned = _stacked(k_pruned, ratios, "k_pruned", dense.shape)
        if k_both is not None and check_by_ratio(k_both, "k_both") != ratios:
            raise ArgumentError(f"k_both has the ratios {sorted(k_both)}; k_pruned has {ratios}")
        sizes = as_counts(n, "n")
        sizes = np.full(dense.shape[-1], sizes) if sizes.ndim == 0 else sizes
        return cls(
            ratios=ratios,
            classes=check_names(
                range(dense.shape[-1]) if classes is None else classes, "class names"
            ),
            sizes=sizes,
            dense=dense,
            pruned=pruned,
            both=None if k_both is None else _stacked(k_both, ratios, "k_both", dense.shape),
            model_ids=() if model_ids is None else check_names(model_ids, "model ids"),
        )

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> RecallTable:
        """Make a table from a tidy frame; the inverse of `to_frame`.

        Parameters
        ----------
        frame : pandas.DataFrame
            Columns `model`, `ratio`, `class`, `n`, `correct_dense`, `correct_pruned`, optionally
            `correct_both`, and optionally `dataset`, `arch`, `algorithm`, which must be constant.
            One row for each model, ratio and class. Other forms are turned into this one: names in
            any case, `recall_dense` and `recall_pruned` as fractions or per cent, one column
            `correct` (or `recall`) with rows of ratio "dense", or, wide, `model`, `ratio` and a
            column per class with a row of model "n" for the test images.

        Raises
        ------
        DataError
            If columns or rows are missing or double, if test sets differ between models or
            ratios, if a model's dense counts differ between ratios, or several settings are mixed.
        """
        return cls(**parts_of(frame))

    def select(self, ratios: Sequence[float]) -> RecallTable:
        """Return the table of some of the ratios.

        Raises
        ------
        ArgumentError
            If no list of ratios is given, or the table lacks one.
        """
        listed = isinstance(ratios, Iterable) and not isinstance(ratios, (str, bytes))
        if not listed or not (wanted := list(ratios)):
            raise ArgumentError(f"ratios is {ratios!r}; expected a list of some of {self.ratios}")
        rows = sorted({check_ratio(ratio, self.ratios) for ratio in wanted})
        return replace(
            self,
            ratios=tuple(self.ratios[row] for row in rows),
            pruned=self.pruned[rows],
            both=None if self.both is None else self.both[rows],
            predictions=None if self.predictions is None else self.predictions.select(rows),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each ratio, model and class, as `from_frame` reads it."""
        cells = [self.ratios, self.model_ids, self.classes]
        frame = pd.MultiIndex.from_product(cells, names=KEYS).to_frame(index=False)
        shape = self.pruned.shape
        frame["n"] = np.broadcast_to(self.sizes, shape).ravel()
        frame["correct_dense"] = np.broadcast_to(self.dense, shape).ravel()
        frame["correct_pruned"] = self.pruned.ravel()
        if self.both is not None:
            frame["correct_both"] = self.both.ravel()
        for name, value in reversed([*self.setting.items()]):
            frame.insert(0, name, value)
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, JSON-ready."""
        names = ("ratios", "classes", "model_ids", "sizes", "dense", "pruned", "both", "setting")
        return jsonable({name: getattr(self, name) for name in names})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean recall of each class, a line for each ratio, from hard classes to easy."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        recalls = {"dense": self.dense.mean(0)}
        recalls |= {
            f"ratio {r:g}": k.mean(0) for r, k in zip(self.ratios, self.pruned, strict=True)
        }
        order = np.argsort(recalls["dense"] / self.sizes)
        for name, correct in recalls.items():
            ax.plot(100 * (correct / self.sizes)[order], "o-", ms=3, label=name)
        ax.set_xticks(range(self.n_classes), [str(self.classes[index]) for index in order])
        ax.set(xlabel="class", ylabel=f"recall (%), mean of {self.n_models} models")
        ax.legend()
        return ax

    def summary(self) -> str:
        """Return what the table holds, in a few sentences."""
        about = ", ".join(f"{key} {value}" for key, value in self.setting.items())
        accuracies = ", ".join(
            f"{ratio:g}: {accuracy:.4f}"
            for ratio, accuracy in zip(self.ratios, self.accuracy_pruned.mean(-1), strict=True)
        )
        joint = "known" if self.both is not None else "unknown"
        unused = f" Columns not used: {', '.join(self.unused)}." if self.unused else ""
        return (
            f"{about + ': ' if about else ''}{self.n_models} models, {self.n_classes} classes, "
            f"{int(self.sizes.sum())} test images; mean accuracy dense "
            f"{self.accuracy_dense.mean():.4f}, by compression ratio {accuracies}. "
            f"Joint correctness is {joint}.{unused}"
        )


def check_table(value: Any, name: str = "table") -> None:
    """Raise an ArgumentError unless a value is a `RecallTable`."""
    if not isinstance(value, RecallTable):
        raise ArgumentError(
            f"{name} is {type(value).__name__}; expected a RecallTable (RecallTable.from_counts, "
            ".from_predictions or .from_frame makes one)"
        )


def _stacked(
    values: Mapping[float, Any], ratios: Sequence[float], name: str, shape: tuple[int, ...]
) -> np.ndarray:
    by_ratio = {float(ratio): as_counts(k, f"{name}[{ratio}]") for ratio, k in values.items()}
    for ratio, array in by_ratio.items():
        if array.shape != shape:
            raise ArgumentError(
                f"{name}[{ratio:g}] has shape {array.shape}; expected {shape}, (models, classes) "
                "as k_dense: each pruned network belongs to the dense network of its row"
            )
    return np.stack([by_ratio[ratio] for ratio in ratios])
