"""What a table of recall must satisfy, with errors that say what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Number
from typing import Any

import numpy as np

from regions.arguments import check_unmasked, is_number
from regions.errors import ArgumentError

_MOST_IMAGES = 2**40  # more is a mistake, and sums of products would leave int64


def check_ratios(ratios: Iterable[Any]) -> tuple[float, ...]:
    """Return compression ratios in ascending order."""
    check_unmasked(ratios, "ratios")
    try:
        given = list(ratios)
        numbers = sorted(float(ratio) for ratio in given)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(f"ratios must be numbers, got {ratios!r}") from error
    if not numbers or len(set(numbers)) < len(numbers):
        raise ArgumentError(f"expected at least one ratio, each once; got {given}")
    for ratio in numbers:
        if not 1 <= ratio < np.inf:
            hint = f"; for density {ratio:g} give {1 / ratio:g}" if 0 < ratio < 1 else ""
            raise ArgumentError(
                f"{ratio:g} is no compression ratio (parameters before / after, at least 1){hint}"
            )
    return tuple(numbers)


def check_ratio(ratio: Any, ratios: Sequence[float], what: str = "table") -> int:
    """Return the row of one compression ratio, or say which there are."""
    if not is_number(ratio) or ratio not in ratios:
        raise ArgumentError(f"no ratio {ratio!r}; the {what} has {tuple(ratios)}")
    return [*ratios].index(ratio)


def check_by_ratio(values: Any, name: str) -> tuple[float, ...]:
    """Return the compression ratios, ascending, of what is given for each of them."""
    if not isinstance(values, Mapping):
        raise ArgumentError(
            f"{name} is {type(values).__name__}; expected a mapping such as {{10: array}}, from "
            "compression ratio to an array"
        )
    return check_ratios(values)


def check_names(names: Any, what: str) -> tuple[Any, ...]:
    """Return distinct names, each a str or a number."""
    listed = isinstance(names, Iterable) and not isinstance(names, (str, bytes, Mapping))
    found = tuple(names) if listed else ()
    if not found or not all(isinstance(name, (str, Number)) for name in found):
        raise ArgumentError(f"{what} are {names!r}; expected a list of names, one for each")
    if len(set(found)) < len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise ArgumentError(f"{what} must be distinct; {twice!r} is there twice")
    return found


def check_ids(ids: Any, models: int) -> tuple[str, ...]:
    """Return one distinct name per model."""
    names = tuple(str(name) for name in check_names(ids, "model ids"))
    if len(names) != models or len(set(names)) < models:
        raise ArgumentError(f"expected {models} distinct model ids, got {len(names)}: {names[:6]}")
    return names


def check_counts(
    sizes: np.ndarray,
    dense: np.ndarray,
    pruned: np.ndarray,
    both: np.ndarray | None,
    classes: Sequence[Any],
    ratios: Sequence[float],
) -> None:
    """Refuse shapes that do not fit, too small classes, and impossible counts."""
    if dense.ndim != 2:
        raise ArgumentError(f"dense counts have shape {dense.shape}; expected (models, classes)")
    if sizes.shape != dense.shape[1:] or len(classes) != len(sizes):
        raise ArgumentError(
            f"{dense.shape[1]} classes are counted, but {sizes.size} class sizes and "
            f"{len(classes)} class names are given"
        )
    _check_sizes(sizes, classes)
    expected = (len(ratios), *dense.shape)
    for name, array in (("pruned", pruned), ("both", both)):
        if array is not None and array.shape != expected:
            raise ArgumentError(
                f"{name} counts have shape {array.shape}; expected {expected}, "
                "(ratios, models, classes)"
            )
    _within("correct_dense", dense, 0, sizes, classes)
    _within("correct_pruned", pruned, 0, sizes, classes)
    if both is not None:
        fewest = np.maximum(0, dense + pruned - sizes)
        _within("correct_both", both, fewest, np.minimum(dense, pruned), classes)


def _check_sizes(sizes: np.ndarray, classes: Sequence[Any]) -> None:
    if len(sizes) < 2:
        raise ArgumentError("one class has no recall balance; expected at least 2 classes")
    if sizes.min() < 2:
        worst = int(sizes.argmin())
        raise ArgumentError(
            f"class {classes[worst]!r} has {int(sizes[worst])} test image(s); at least 2 are "
            "needed to say how precisely its recall is known"
        )


def _within(name: str, counts: np.ndarray, low: Any, high: np.ndarray, classes: Any) -> None:
    wrong = (counts < low) | (counts > high)
    if wrong.any():
        place = tuple(int(index) for index in np.argwhere(wrong)[0])
        least = int(np.broadcast_to(low, counts.shape)[place])
        most = int(np.broadcast_to(high, counts.shape)[place])
        raise ArgumentError(
            f"{name} is {int(counts[place])} for class {classes[place[-1]]!r} of model "
            f"{place[-2]}; it must lie in {least}..{most}"
        )


def as_counts(values: Any, name: str) -> np.ndarray:
    """Return an int64 array; floats only if they are whole numbers."""
    check_unmasked(values, name)
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"{name} is ragged; every model has a count for every class") from error
    if array.dtype.kind == "f" and array.size and not np.isfinite(array).all():
        wrong = array[~np.isfinite(array)].flat[0]
        raise ArgumentError(f"{name} holds {wrong}; expected whole numbers of images")
    whole = array.dtype.kind in "iu" or (array.dtype.kind == "f" and (array == array.round()).all())
    if not whole or array.size == 0:
        raise ArgumentError(
            f"{name} must hold whole numbers of images, got dtype {array.dtype} and shape "
            f"{array.shape}; counts are needed, not recalls"
        )
    if (array > _MOST_IMAGES).any() or (array < -_MOST_IMAGES).any():
        raise ArgumentError(f"{name} must be counts of images, at most {_MOST_IMAGES:g}")
    return array.astype(np.int64)
