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
    chosen = np.flatnonzero(among_best(flat, count))
    return chosen[best_first(flat[chosen])]


def among_best(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the mask of the first `count` of `best_first`, without ordering anything.

    >>> among_best(np.array([1.0, 3.0, 2.0, 3.0]), 1).tolist()
    [False, True, False, False]
    """
    if not 0 < count < scores.size:
        return np.full(scores.shape, count > 0)
    last = np.partition(scores.ravel(), scores.size - count)[scores.size - count]
    mask = scores > last
    equal = np.flatnonzero(scores == last)
    mask.reshape(-1)[equal[: count - np.count_nonzero(mask)]] = True
    return mask


def first(scores: np.ndarray, candidates: np.ndarray, count: int) -> np.ndarray:
    """Return a mask of the `count` best candidates; fewer are kept if there are fewer."""
    mask = np.zeros(candidates.shape, dtype=bool)
    mask[candidates] = among_best(scores[candidates], count)
    return mask


def best_per_layer(
    scores: Mapping[str, np.ndarray], counts: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Return masks of the counts[name] best weights of each layer."""
    return {name: among_best(score, counts[name]) for name, score in scores.items()}


def best_overall(scores: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """Return masks of the `count` best weights of all layers together; ties: the earlier layer."""
    joined = np.concatenate([score.ravel() for score in scores.values()])
    return split(among_best(joined, count), scores)


def split(joined: np.ndarray, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Cut a flat array into arrays with the shapes of `like`."""
    ends = np.cumsum([array.size for array in like.values()])[:-1]
    parts = zip(like.items(), np.split(joined, ends), strict=True)
    return {name: part.reshape(array.shape) for (name, array), part in parts}
