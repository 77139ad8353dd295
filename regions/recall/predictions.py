"""Predicted classes, image by image: joint correctness, groups of images, modal predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from regions.arguments import check_unmasked
from regions.errors import ArgumentError
from regions.recall.counts import Counts

OTHER = -1


@dataclass(frozen=True, eq=False)
class Predictions:
    """Class numbers 0 .. C-1 of every image; -1 for a predicted class outside the table.

    Attributes
    ----------
    labels : (images,)
    dense : (models, images)
    pruned : (ratios, models, images)
    """

    labels: np.ndarray = field(repr=False)
    dense: np.ndarray = field(repr=False)
    pruned: np.ndarray = field(repr=False)
    classes: int

    @classmethod
    def checked(
        cls,
        y_true: Any,
        dense: Any,
        pruned: Mapping[float, Any],
        ratios: Sequence[float],
        labels: Sequence[int] | None,
    ) -> tuple[Predictions, list[int]]:
        """Return the predictions as class numbers, and the code of each class."""
        truth = _codes(y_true, "y_true", 1)
        arrays = {"dense": _codes(dense, "dense", 2)}
        for ratio, values in pruned.items():
            arrays[f"pruned[{float(ratio):g}]"] = _codes(values, f"pruned[{ratio}]", 2)
        expected = (len(arrays["dense"]), len(truth))
        for name, array in arrays.items():
            if array.shape != expected:
                raise ArgumentError(
                    f"{name} has shape {array.shape}; expected {expected}: the same models as "
                    "dense, on the same images as y_true"
                )
        known = _known(truth, arrays, labels)
        numbers = {name: _numbers(array, known) for name, array in arrays.items()}
        stacked = np.stack([numbers[f"pruned[{ratio:g}]"] for ratio in ratios])
        return cls(_numbers(truth, known), numbers["dense"], stacked, len(known)), known.tolist()

    def counts(self) -> Counts:
        """Return the correct counts of all images."""
        return self.groups(1)[0]

    def groups(self, number: int, rng: np.random.Generator | None = None) -> list[Counts]:
        """Return the counts of disjoint groups of images with each class spread evenly."""
        cell = self._group_of_image(number, rng) * self.classes + self.labels
        cells = number * self.classes
        sizes = np.bincount(cell, minlength=cells).reshape(number, self.classes)
        right = self.dense == self.labels
        right_pruned = self.pruned == self.labels
        dense = _tally(right, cell, cells)
        pruned = _tally(right_pruned, cell, cells)
        both = _tally(right_pruned & right, cell, cells)
        return [
            Counts(
                sizes[group],
                *(
                    array.reshape(*array.shape[:-1], number, -1)[..., group, :]
                    for array in (dense, pruned, both)
                ),
            )
            for group in range(number)
        ]

    def _group_of_image(self, number: int, rng: np.random.Generator | None) -> np.ndarray:
        group = np.zeros(len(self.labels), dtype=np.int64)
        if number == 1:
            return group
        generator = np.random.default_rng(rng)
        for label in range(self.classes):
            images = np.flatnonzero(self.labels == label)
            group[generator.permutation(images)] = np.arange(len(images)) % number
        return group

    def select(self, rows: Sequence[int]) -> Predictions:
        """Return the predictions at some of the ratios."""
        return Predictions(self.labels, self.dense, self.pruned[list(rows)], self.classes)


def coded(truth: Any, *others: Any) -> tuple[list[str], list[np.ndarray]]:
    """Return the names of the classes in `truth`, and all arrays of names as their numbers.

    A prediction that is no class of `truth` has a number beyond theirs; codes are refused.

    Examples
    --------
    >>> coded(["cat", "dog"], [["dog", "emu"]])
    (['cat', 'dog'], [array([0, 1]), array([[1, 2]])])
    """
    for name in np.asarray(truth).ravel():
        if not isinstance(name, str):
            raise ArgumentError(f"y_true holds {name!r}; expected codes or names of classes")
    names = sorted(set(np.asarray(truth).ravel().tolist()))
    number = {name: index for index, name in enumerate(names)}

    def numbers(values: Any) -> np.ndarray:
        check_unmasked(values, "y_true, dense or pruned")
        try:
            array = np.asarray(values)
        except ValueError as error:
            raise ArgumentError("ragged; every model predicts every image") from error
        if array.dtype.kind not in "UO":
            raise ArgumentError(
                "y_true holds names of classes, but predictions are integer class codes; give "
                "names for both, or codes for both"
            )
        flat = [number.get(str(value), len(names)) for value in array.ravel()]
        return np.array(flat, dtype=np.int64).reshape(array.shape)

    return names, [numbers(truth), *map(numbers, others)]


def is_named(values: Any) -> bool:
    """Tell whether true classes are names and no codes."""
    try:
        return np.asarray(values).dtype.kind in "UO"
    except (ValueError, TypeError) as error:
        raise ArgumentError("y_true is no array; expected one class per image") from error


def check_predictions(given: Any, counts: Counts) -> None:
    """Refuse predictions that are none, or not those that were counted."""
    same = isinstance(given, Predictions) and (
        given.dense.shape == (len(counts.dense), len(given.labels))
        and given.pruned.shape == (len(counts.pruned), *given.dense.shape)
        and given.classes == len(counts.sizes)
    )
    if same:
        found = given.counts()
        parts = ("sizes", "dense", "pruned", "both")
        same = all(np.array_equal(getattr(found, p), getattr(counts, p)) for p in parts)
    if not same:
        raise ArgumentError(
            "predictions do not give the counts of the table; make it with "
            "RecallTable.from_predictions"
        )


def modal(predictions: np.ndarray, classes: int) -> np.ndarray:
    """Return the most frequent class of each image over models (the smallest one on ties)."""
    votes = np.stack([(predictions == label).sum(0) for label in range(classes)])
    return votes.argmax(0)


def _tally(right: np.ndarray, cell: np.ndarray, cells: int) -> np.ndarray:
    """Count the true entries of (..., images) in each cell: (..., cells)."""
    flat = right.reshape(-1, right.shape[-1])
    rows = [np.bincount(cell[row], minlength=cells) for row in flat]
    return np.array(rows).reshape(*right.shape[:-1], cells)


def _codes(values: Any, name: str, ndim: int) -> np.ndarray:
    check_unmasked(values, name)
    try:
        array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    except (ValueError, TypeError) as error:  # ragged, or a sparse tensor
        raise ArgumentError(
            f"{name} is ragged or no array; every model predicts every image"
        ) from error
    if array.dtype.kind not in "iu":
        hint = (
            "; encode names with numpy.unique(labels, return_inverse=True)"
            if array.dtype.kind in "OUS"
            else ""
        )
        raise ArgumentError(f"{name} has dtype {array.dtype}; expected integer class codes{hint}")
    if array.ndim != ndim or array.size == 0:
        expected = "(images,)" if ndim == 1 else "(models, images)"
        raise ArgumentError(f"{name} has shape {array.shape}; expected {expected}")
    return array


def _known(truth: np.ndarray, arrays: Mapping[str, np.ndarray], labels: Any) -> np.ndarray:
    """Return the sorted class codes, refusing classes without images."""
    present = np.unique(truth)
    if labels is not None:
        known = _codes(labels, "labels", 1)
        if len(np.unique(known)) != len(known):
            raise ArgumentError(f"labels must be distinct integer codes, got {labels}")
        strange = np.setdiff1d(present, known)
        if strange.size:
            raise ArgumentError(f"y_true has class {strange[0]}, which labels does not name")
        wanted = known
    else:
        predicted = np.concatenate([np.unique(array) for array in arrays.values()])
        wanted = np.union1d(np.arange(present[0], present[-1] + 1), predicted)
        known = present
    absent = np.setdiff1d(wanted, present)
    if absent.size:
        raise ArgumentError(
            f"class {absent[0]} has no image in y_true, so its recall is undefined; "
            "give labels=[...] with the classes that y_true does have, or more images"
        )
    return known


def _numbers(codes: np.ndarray, known: np.ndarray) -> np.ndarray:
    order = np.argsort(known)
    place = np.searchsorted(known, codes, sorter=order).clip(max=len(known) - 1)
    number = order[place]
    return np.where(known[number] == codes, number, OTHER).astype(np.int32)
