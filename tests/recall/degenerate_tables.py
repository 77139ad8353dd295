"""Tables in which something does not vary, or hardly anything is known, in three forms each."""

from functools import cache

import numpy as np

import regions

RATIOS = (2, 4, 8)
LIVELY = [[18, 15, 11], [19, 14, 12], [17, 16, 10], [18, 13, 13]]
# how many images each ratio loses in each class, on average over models
LOST = [[0, 1, 1], [1, 2, 4], [2, 4, 7]]


def _pruned(dense, ratios=3):
    dense, rng = np.asarray(dense), np.random.default_rng(0)
    return [np.clip(dense - lost - rng.integers(0, 2, dense.shape), 0, None) for lost in LOST][
        :ratios
    ]


def _same(row, models=4):
    return [row] * models


_TENS = [[40, 30], [80, 60], [60, 45], [20, 15]]
# name -> dense counts, pruned counts by ratio, images a class
COUNTS = {
    "lively": (LIVELY, _pruned(LIVELY), 20),
    "all 0": (_same([0, 0, 0]), [_same([0, 0, 0])] * 3, 20),
    "all 1": (_same([20, 20, 20]), [_same([20, 20, 20])] * 3, 20),
    "dense all 1": (_same([20, 20, 20]), [x.tolist() for x in _pruned(LIVELY)], 20),
    "pruned all 0": (LIVELY, [_same([0, 0, 0])] * 3, 20),
    "one pruned network of accuracy 0": (
        LIVELY,
        [np.array([[0, 0, 0], *part[1:]]) for part in _pruned(LIVELY)],
        20,
    ),
    "constant recalls": (_same([15, 15, 15]), [_same([12, 12, 12])] * 3, 20),
    "constant but of each model": (
        [[15] * 3, [14] * 3, [16] * 3, [13] * 3],
        [[[12] * 3, [11] * 3, [10] * 3, [13] * 3]] * 3,
        20,
    ),
    "one model": (LIVELY[:1], [part[:1] for part in _pruned(LIVELY)], 20),
    "two models": (LIVELY[:2], [part[:2] for part in _pruned(LIVELY)], 20),
    "copies": (_same(LIVELY[0]), [_same(part[0]) for part in _pruned(LIVELY)], 20),
    "duplicates": (LIVELY[:2] * 3, [np.tile(part[:2], (3, 1)) for part in _pruned(LIVELY)], 20),
    "copies and identical": (_same(LIVELY[0]), [_same(LIVELY[0])] * 3, 20),
    "identical": (LIVELY, [LIVELY] * 3, 20),
    "identical, two models": (LIVELY[:2], [LIVELY[:2]] * 3, 20),
    "identical at one ratio": (LIVELY, [LIVELY, *_pruned(LIVELY)[1:]], 20),
    "proportional": (_TENS, [np.array(_TENS) // 5 * 4] * 3, 100),
    "same slope": (_TENS, [[[30, 20], [60, 40], [45, 30], [15, 10]]] * 3, 100),
    "one ratio": (LIVELY, _pruned(LIVELY, 1), 20),
    "two ratios": (LIVELY, _pruned(LIVELY, 2), 20),
    "two images a class": ([[2, 1], [1, 2], [2, 0]], [[[1, 0], [0, 2], [1, 1]]] * 3, 2),
    "tiny counts": ([[3, 2, 1], [2, 2, 2], [3, 1, 1]], [[[2, 1, 0], [1, 2, 1], [2, 0, 1]]] * 3, 3),
}
# nothing can follow for further models from any ratio of these
UNTESTED = (
    "all 0", "all 1", "constant recalls", "constant but of each model", "one model", "copies",
    "duplicates", "copies and identical", "identical", "identical, two models", "pruned all 0",
)  # fmt: skip
FORMS = ("counts", "joint", "predictions")


@cache
def table_of(name, form):
    """Return the table: counts alone, with joint counts, or made of predictions."""
    dense, pruned, n = COUNTS[name]
    dense, pruned = np.asarray(dense), [np.asarray(part) for part in pruned]
    ratios = RATIOS[: len(pruned)]
    if form == "predictions":
        classes = dense.shape[1]
        labels = np.repeat(np.arange(classes), n)
        place = np.tile(np.arange(n), classes)

        def predict(counts):
            right = place < np.repeat(counts, n, axis=1)
            return np.where(right, labels, (labels + 1) % classes)

        parts = {ratio: predict(part) for ratio, part in zip(ratios, pruned, strict=True)}
        return regions.RecallTable.from_predictions(labels, predict(dense), parts)
    both = [np.minimum(dense, part) for part in pruned]
    known = dict(zip(ratios, both, strict=True)) if form == "joint" else None
    return regions.RecallTable.from_counts(dense, dict(zip(ratios, pruned, strict=True)), n, known)
