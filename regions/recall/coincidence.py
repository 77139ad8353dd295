"""Are models alike because they are copies, or by chance, as on few test images?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy import special, stats

from regions.recall.table import RecallTable

# copies are called so where chance makes as many alike in less than this share of tables
_RARE = 0.01
# different models that are needed to know how alike different models are
_FEWEST = 3


def copies_of(table: RecallTable, rows: Sequence[int]) -> list[str]:
    """Return the ids of models that are at all these ratios like one before them.

    Examples
    --------
    >>> import regions
    >>> dense, half = [[9, 7], [9, 7], [8, 6]], [[8, 5], [8, 5], [7, 5]]
    >>> copies_of(regions.RecallTable.from_counts(dense, {2: half}, n=10), [0])
    ['1']
    """
    return [table.model_ids[model] for model in _alike(table, rows)]


def by_chance(table: RecallTable, rows: Sequence[int]) -> bool:
    """Tell whether so many different models are as alike at these ratios by chance.

    The number of pairs that are alike is taken as Poisson, with the number that is expected if
    images (of counts: classes and arms) are independent. What models have in common beyond that
    makes chance larger, so copies are suspected rather too often than too rarely.

    Examples
    --------
    >>> import regions
    >>> dense, half = [[9, 7], [9, 7], [8, 6], [9, 8]], [[8, 5], [8, 5], [7, 5], [9, 8]]
    >>> by_chance(regions.RecallTable.from_counts(dense, {2: half}, n=10), [0])
    True
    """
    copies = set(_alike(table, rows))
    different = [model for model in range(table.n_models) if model not in copies]
    if not copies or len(different) < _FEWEST:
        return False
    pair = _pair_alike if table.predictions is not None else _pair_counted_alike
    expected = table.n_models * (table.n_models - 1) / 2 * pair(table, rows, different)
    return bool(stats.poisson.sf(len(copies) - 1, expected) >= _RARE)


def _alike(table: RecallTable, rows: Sequence[int]) -> list[int]:
    found, arms = table.predictions, [table.dense, *table.pruned[list(rows)]]
    if found is not None:
        arms = [found.dense, *found.pruned[list(rows)]]
    elif table.both is not None:
        arms += [*table.both[list(rows)]]
    seen: set[tuple[bytes, ...]] = set()
    alike = []
    for model in range(table.n_models):
        key = tuple(np.ascontiguousarray(arm[model]).tobytes() for arm in arms)
        if key in seen:
            alike.append(model)
        seen.add(key)
    return alike


def _pair_alike(table: RecallTable, rows: Sequence[int], models: Sequence[int]) -> float:
    """Return the probability that two models predict the same class of every image."""
    found = table.predictions
    assert found is not None
    arms = np.stack([found.dense, *found.pruned[list(rows)]])
    pairs = list(combinations(models, 2))
    differ = sum((arms[:, a] != arms[:, b]).any(0).astype(float) for a, b in pairs)
    return float(np.prod(1 - differ / len(pairs)))


def _pair_counted_alike(table: RecallTable, rows: Sequence[int], models: Sequence[int]) -> float:
    """Return the probability that two models have the same counts.

    Two Poisson counts of variance v are equal with probability exp(-2 v) I_0(2 v); binomial ones
    of this variance hardly less often (Skellam 1946, doi:10.2307/2981372).
    """
    few, listed = list(models), list(rows)
    dense, pruned = table.dense[few], table.pruned[listed][:, few]
    variances = [_binomial(dense, table.sizes)]
    if table.both is not None:
        both = table.both[listed][:, few]
        variances += [_binomial(part, table.sizes) for part in (*(dense - both), *(pruned - both))]
    else:
        # of those whose dense counts are equal: lost and gained images, each at least Poisson
        moved = pruned - dense
        given = np.maximum(np.abs(moved.mean(1)), moved.var(1, ddof=1))
        variances += [
            np.minimum(own, _binomial(part, table.sizes))
            for own, part in zip(given, pruned, strict=True)
        ]
    return float(np.prod(special.i0e(2 * np.array(variances))))


def _binomial(counts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the variance over models of each class: the binomial one, or the one seen if more."""
    share = counts.mean(0) / sizes
    return np.maximum(sizes * share * (1 - share), counts.var(0, ddof=1))
