"""Keeps the weights with the highest scores: exact counts, ties in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def best_first(scores: np.ndarray) -> np.ndarray:
    """Return the flat indices by falling score; equal scores keep the order of the array."""
    return np.argsort(-scores.ravel(), kind="stable")


def best(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the first `count` of `best_first` without ordering the others.

    >>> best(np.array([1.0, 3.0, 2.0, 3.0]), 2).tolist()
    [1, 3]
    """
    flat = scores.ravel()
    if 2 * count >= flat.size:
        return best_first(flat)[:count]
    last = np.partition(flat, flat.size - count)[flat.size - count] if count else np.inf
    equal = np.flatnonzero(flat == last)
    above = np.flatnonzero(flat > last)
    chosen = np.sort(np.concatenate([above, equal[: count - above.size]]))
    return chosen[best_first(flat[chosen])]


def first(order: np.ndarray, candidates: np.ndarray, count: int) -> np.ndarray:
    """Return a mask of the first `count` flat indices of `order` that are candidates.

    Fewer are kept if there are fewer candidates.
    """
    mask = np.zeros(candidates.shape, dtype=bool)
    allowed = order[candidates.ravel()[order]]
    mask.ravel()[allowed[:count]] = True
    return mask


def best_per_layer(
    scores: Mapping[str, np.ndarray], counts: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Return masks of the counts[name] best weights of each layer."""
    everything = {name: np.ones(score.shape, dtype=bool) for name, score in scores.items()}
    return {
        name: first(best_first(score), everything[name], counts[name])
        for name, score in scores.items()
    }


def best_overall(scores: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """Return masks of the `count` best weights of all layers together; ties: the earlier layer."""
    joined = np.concatenate([score.ravel() for score in scores.values()])
    return split(first(best_first(joined), np.ones(joined.shape, dtype=bool), count), scores)


def split(joined: np.ndarray, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Cut a flat array into arrays with the shapes of `like`."""
    ends = np.cumsum([array.size for array in like.values()])[:-1]
    parts = zip(like.items(), np.split(joined, ends), strict=True)
    return {name: part.reshape(array.shape) for (name, array), part in parts}
