"""Masks of disjoint paths through networks with branches, one layer after the other.

Each layer *opens* the streams that it is the first to write to: it chooses how many of them are in
use. Everything kept lies between streams in use; every stream in use is fed by the layer that
opened it, and read after it was last written. How many a layer opens is a target, which is
lowered where some layer keeps too few weights to reach them all, and raised where the streams in
use have no room for its weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil, sqrt

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import maximum_bipartite_matching

from regions.errors import BudgetError
from regions.pruning.methods.clock import Clock
from regions.pruning.methods.disjoint_paths import edge_scores, heaviest_disjoint_paths
from regions.pruning.methods.spread import spread
from regions.pruning.methods.streams import Arrays, Layer, Streams

_NEEDED = 1e8
_PREFERRED = 1e3
_TRIES = 60
_ROUNDS = 12

Follow = Callable[[Arrays], Arrays]


class _Change(Exception):
    """The targets do not fit: which are to change by what factor and number, or what is to open."""

    def __init__(
        self, layers: np.ndarray, factor: float, more: int, preferred: int | None = None
    ) -> None:
        super().__init__()
        self.layers, self.factor, self.more = layers, factor, more
        self.preferred = preferred


def branching_masks(
    streams: Streams,
    live: Arrays,
    follow: Follow,
    number: Callable[[int, int], int],
    fixed: bool,
    clock: Clock,
) -> dict[str, np.ndarray]:
    """Return masks that keep each layer's count, every weight on a path.

    Parameters
    ----------
    streams : Streams
    live : mapping of str to array
        The weights that may be kept: not zero, and on a path if all are kept.
    follow : callable
        Masks -> masks of the effective weights.
    number : callable
        From the weights and the layers of a part of the network to the streams in use per layer.
    fixed : bool
        Whether this number is not to be changed.
    clock : Clock

    Raises
    ------
    BudgetError
        If no such masks are found.
    """
    allowed = {layer.name: live[layer.name].reshape(layer.matrix.shape) for layer in streams.layers}
    targets = _targets(streams, allowed, number, fixed)
    for _ in range(_ROUNDS):
        found = _fitted(streams, allowed, targets, fixed, clock)
        masks = {name: mask.reshape(live[name].shape) for name, mask in found.items()}
        nothing = {name: np.zeros_like(mask) for name, mask in live.items()}
        alive = follow({**nothing, **masks})
        dead = {name: found[name] & ~alive[name].reshape(found[name].shape) for name in found}
        if not any(mask.any() for mask in dead.values()):
            return {**nothing, **masks}
        allowed = {name: allowed[name] & ~dead[name] for name in allowed}
    raise BudgetError("some weights between units in use only meet padding or zeros")


def _targets(
    streams: Streams, allowed: Arrays, number: Callable[[int, int], int], fixed: bool
) -> np.ndarray:
    """Return how many streams each layer opens: what is wanted, reachable, and roomy enough."""
    layers = streams.layers
    opens = [_opened(streams, index) for index in range(len(layers))]
    width = np.array([len(found) for found in opens])
    counts = np.array([layer.count for layer in layers])
    most = np.minimum(width, counts)
    wanted = np.zeros(len(layers), dtype=int)
    for index, layer in enumerate(layers):
        part = streams.parts == streams.parts[index]
        goal = number(int(counts[part].sum()), int(part.sum()))
        rows = len(layer.writes)
        goal = rows if streams.is_output[layer.writes].all() else min(goal, rows)
        before = _in_use(streams, layer.writes, wanted, width)
        wanted[index] = max(0, ceil(goal - before)) if width[index] else 0
    for index in reversed(range(len(layers))):
        most[index] = min(most[index], _reachable(streams, index, opens[index], most))
    targets = np.minimum(wanted, most)
    for _ in range(0 if fixed else _TRIES):
        before = targets.copy()
        for index, layer in enumerate(layers):
            room = _room(streams, index, targets, width) * allowed[layer.name].mean()
            if room < layer.count:
                who = _openers(streams, layer)
                raised = np.ceil(np.maximum(targets[who], 1) * sqrt(layer.count / max(room, 1.0)))
                targets[who] = np.minimum(most[who], raised.astype(int))
        if np.array_equal(before, targets):
            break
    return targets


def _opened(streams: Streams, index: int) -> np.ndarray:
    writes = np.unique(streams.layers[index].writes)
    return writes[(streams.opener[writes] == index) & ~streams.given[writes]]


def _openers(streams: Streams, layer: Layer) -> np.ndarray:
    """Return the layers that open the streams which a layer reads or writes."""
    used = np.concatenate([layer.sources, layer.writes])
    found = np.unique(streams.opener[used[~streams.given[used]]])
    return found[found >= 0]


def _reachable(streams: Streams, index: int, opened: np.ndarray, most: np.ndarray) -> int:
    """Return how many of the streams that a layer opens others can read, at most."""
    if not opened.size or streams.passed_on[opened].any():
        return len(opened)
    total = 0
    for other, layer in enumerate(streams.layers):
        if other != index and np.isin(layer.sources, opened).any():
            below = len(layer.sources) // len(layer.reads)  # of one group of channels
            own = (streams.opener[layer.writes] == other).all()
            alone = len(layer.reads) > 1 and own
            total += min(layer.count, most[other] * max(below, 1)) if alone else layer.count
    return total


def _in_use(streams: Streams, nodes: np.ndarray, targets: np.ndarray, width: np.ndarray) -> float:
    """Return how many of some rows or columns are in use, about."""
    known = nodes[nodes >= 0]
    given = streams.given[known]
    opener = streams.opener[known[~given]]
    share = targets / np.maximum(width, 1)
    return float(given.sum() + share[opener[opener >= 0]].sum())


def _room(streams: Streams, index: int, targets: np.ndarray, width: np.ndarray) -> float:
    """Return how many weights there are between the streams in use, about."""
    layer = streams.layers[index]
    groups, columns = layer.reads.shape
    used = _in_use(streams, layer.reads.ravel(), targets, width) / groups
    per_stream = columns * groups / max(len(layer.sources), 1)
    return _in_use(streams, layer.writes, targets, width) * min(max(used, per_stream), columns)


def _fitted(
    streams: Streams, allowed: Arrays, targets: np.ndarray, fixed: bool, clock: Clock
) -> dict[str, np.ndarray]:
    """Return masks, changing `targets` in place until they fit."""
    lowered = np.zeros(len(targets), dtype=bool)
    for _ in range(_TRIES):
        try:
            return _built(streams, allowed, targets, clock)
        except _Change as change:
            who = change.layers
            if change.more > 0:
                who = who[~lowered[who]]
            before = targets[who].copy()
            width = [len(_opened(streams, index)) for index in who]
            raised = np.ceil(before * change.factor).astype(int) + change.more
            targets[who] = np.clip(raised, 0, width)
            lowered[who] |= change.more < 0
            if change.preferred is not None and streams.ends[change.preferred] < _PREFERRED:
                ends = streams.ends.copy()
                ends[change.preferred] += _PREFERRED
                streams = replace(streams, ends=ends)
            elif fixed or np.array_equal(before, targets[who]):
                break
    raise BudgetError("the units in use have no room for these weights, or cannot all be reached")


def _built(
    streams: Streams, allowed: Arrays, targets: np.ndarray, clock: Clock
) -> dict[str, np.ndarray]:
    used = streams.given.copy()
    covered = np.zeros(len(used), dtype=bool)
    masks = {}
    for index, layer in enumerate(streams.layers):
        clock.check()
        mask = _layer_mask(streams, index, allowed[layer.name], used, covered, int(targets[index]))
        rows = mask.any(axis=1)
        for group, columns in enumerate(layer.reads):
            seen = columns[mask[layer.group == group].any(axis=0)]
            covered[seen[seen >= 0]] = True
        covered[layer.writes[rows]] = False
        used[layer.writes[rows]] = True
        masks[layer.name] = mask
    return masks


def _layer_mask(
    streams: Streams,
    index: int,
    allowed: np.ndarray,
    used: np.ndarray,
    covered: np.ndarray,
    target: int,
) -> np.ndarray:
    layer = streams.layers[index]
    readable = (layer.reads >= 0) & used[layer.reads]
    allowed = allowed & readable[layer.group]
    leads = streams.passed_on | (streams.last_reader > index)
    rows = leads[layer.writes] & allowed.any(axis=1)
    held = rows & used[layer.writes]
    opens = rows & ~used[layer.writes] & (streams.opener[layer.writes] == index)
    sources = layer.sources[used[layer.sources]]
    if not sources.size:
        raise _feed(streams, layer)
    if streams.given[layer.sources].all():  # a first layer: all its columns are as good
        fan_in = max(1, layer.count // max(target, 1))
        best = np.sort(layer.scaled, axis=1)[:, -fan_in:].mean(axis=1)
        new = _best(np.where(opens, best + streams.ends[layer.writes], -np.inf), target)
        start = np.zeros_like(allowed)
        if held.any():  # there may be too few weights for all rows in use, so the new ones go first
            start[new] = _largest(np.where(allowed[new], layer.scaled[new], -np.inf))
    else:
        needed = ~streams.given & ~streams.passed_on & ~covered & (streams.last_reader == index)
        new, start = _start(
            streams,
            layer,
            allowed,
            np.flatnonzero(held),
            np.flatnonzero(opens),
            sources,
            needed[sources],
            target,
        )
    rows_in_use = held.copy()
    rows_in_use[new] = True
    allowed = (allowed & rows_in_use[:, None]) | start
    count = np.count_nonzero(allowed)
    if count < layer.count:
        factor = 1.02 * sqrt(layer.count / max(count, 1))
        raise _Change(_openers(streams, layer), factor, 1)
    # activations are never negative: one positive weight keeps a unit from being switched off
    first = None if streams.is_input[layer.sources].any() else layer.matrix > 0.0
    return spread(layer.matrix, layer.count, start, allowed, first)


def _start(
    streams: Streams,
    layer: Layer,
    allowed: np.ndarray,
    held: np.ndarray,
    opens: np.ndarray,
    sources: np.ndarray,
    needed: np.ndarray,
    target: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that a layer puts to use, and its first weights.

    These are disjoint edges as far as there are any, then what rows that are new and streams that
    nothing else reads still lack.
    """
    value = edge_scores(layer.matrix, layer.scaled, allowed)
    rows = np.concatenate([held, opens])
    score = layer.by_stream(value, rows, sources)
    bonus = score + _NEEDED * needed
    is_new = np.arange(len(rows)) >= len(held)
    worth = np.where(is_new, streams.ends[layer.writes[rows]], 0.0)
    wanted = min(target, len(opens))
    must = _matched(np.where(is_new[:, None], bonus + worth[:, None], -np.inf), wanted)
    taken = np.zeros(len(rows), dtype=bool)
    taken[must[0]] = True
    more = _best(
        np.where(is_new & ~taken, score.max(axis=1) + worth, -np.inf), wanted - taken.sum()
    )
    taken[more] = True
    edges = [*zip(*must, strict=True), *((row, score[row].argmax()) for row in more)]
    spare = [*zip(*_matched(bonus[: len(held)], len(held)), strict=True)]
    lacking = needed.copy()
    lacking[[stream for _, stream in edges]] = False
    edges += [pair for pair in spare if lacking[pair[1]]]
    spare = [pair for pair in spare if not lacking[pair[1]]]
    lacking[[stream for _, stream in edges]] = False
    for stream in np.flatnonzero(lacking):
        column = np.where(taken | ~is_new, score[:, stream], -np.inf)
        row = int(np.argmax(column if np.isfinite(column).any() else score[:, stream]))
        if np.isfinite(score[row, stream]):
            taken[row] |= is_new[row]
            edges.append((row, stream))
    if len(edges) > layer.count:
        raise _lower(streams, sources[needed], layer, len(edges) - layer.count)
    spare.sort(key=lambda pair: -score[pair])
    start = np.zeros_like(allowed)
    for row, stream in edges + spare[: layer.count - len(edges)]:
        columns = layer.reads[layer.group[rows[row]]] == sources[stream]
        start[rows[row], np.argmax(np.where(columns, value[rows[row]], -np.inf))] = True
    return rows[taken], start


def _feed(streams: Streams, layer: Layer) -> Exception:
    """Return what puts one of the streams to use that a layer reads, none of which is."""
    opener = streams.opener[layer.sources]
    known = layer.sources[opener >= 0]
    if not known.size:
        return BudgetError(f"layer {layer.name!r} keeps {layer.count} weights and reads nothing")
    best = known[np.argmax(streams.ends[known])]
    return _Change(streams.opener[[best]], 1.0, 1, int(best))


def _lower(streams: Streams, needed: np.ndarray, layer: Layer, excess: int) -> _Change:
    who = np.unique(streams.opener[needed if needed.size else layer.writes])
    who = who[who >= 0]
    return _Change(who, 1.0, -ceil(excess / max(len(who), 1)))


def _matched(score: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the heaviest edges that meet in no row and no column, `count` if there are so many."""
    finite = np.isfinite(score)
    count = min(count, score.shape[1])
    if count > 0 and not finite.all():
        partner = maximum_bipartite_matching(sparse.csr_array(finite), perm_type="column")
        count = min(count, int(np.count_nonzero(partner >= 0)))
    if count <= 0:
        return np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    some = np.flatnonzero(finite.any(axis=1))
    ((rows, columns),) = heaviest_disjoint_paths([score[some]], count)
    return some[rows], columns


def _best(values: np.ndarray, count: int) -> np.ndarray:
    """Return the places of the `count` largest finite values."""
    order = np.argsort(-values, kind="stable")[: max(count, 0)]
    return order[np.isfinite(values[order])]


def _largest(values: np.ndarray) -> np.ndarray:
    """Return where the largest entry of each row is."""
    return np.arange(values.shape[1]) == values.argmax(axis=1)[:, None]
