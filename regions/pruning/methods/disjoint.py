"""Disjoint: paths that share no unit, and inputs spread over them. Every kept weight matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isqrt, prod

import numpy as np

from regions.errors import BudgetError
from regions.networks import Graph
from regions.pruning.counts import apportion
from regions.pruning.criterion import Method, Request, Selection
from regions.pruning.masks.paths import follower, sweeper
from regions.pruning.methods.clock import Clock
from regions.pruning.methods.disjoint_branches import branching_masks
from regions.pruning.methods.disjoint_paths import edge_scores, heaviest_disjoint_paths, scaled
from regions.pruning.methods.spread import spread
from regions.pruning.methods.streams import streams_of
from regions.pruning.methods.unit_graph import unit_graph
from regions.pruning.methods.unit_paths import count_disjoint_paths
from regions.pruning.model.reading import Reading
from regions.pruning.repair import Follow, repair_layers


@dataclass(frozen=True)
class Disjoint(Method):
    """Masks whose every weight is on a path, with as many units in use as are of use.

    The rule, for the L pruned layers of a chain that follow each other and keep K weights together:

    1. m vertex-disjoint paths lead through layers 2..L, m = `path_count(K, L, narrowest)` (or the
       option `paths`). Of all such sets of paths the one of largest total score is taken (a network
       flow, solved exactly if L = 2, over each unit's best partners if L > 2). The score of an
       edge is |w| over the root mean square of its layer; a path's first unit adds the mean of its
       largest incoming weights, its last unit the norm of its outgoing ones, on the same scale.
    2. Edges of these paths are excitatory (w > 0) wherever possible. Their inputs are activations,
       never negative, so a unit fed by one negative weight can be switched off for all inputs, and
       then no training revives it.
    3. Layer 1 gives each of the m units equally many inputs and spreads them: see
       `regions.pruning.methods.spread`. If its inputs are activations, each unit gets one positive
       weight.
    4. What is left of the budgets of layers 2..L goes between the units in use, spread likewise:
       in deep networks one more weight for each unit (`links`).

    Why. At extreme sparsity plain magnitude pruning keeps dead ends, and repairing them leaves
    few units: the largest weights gather at few inputs and units. What an output can tell apart
    is limited by the number of features (the rank of what reaches it, at most the number of
    disjoint paths) and by the number of inputs they see; magnitude then decides among masks that
    have both. The counts of layers come best from ``regions.allocate(..., "disjoint")``.

    Nothing but the dense model's weights is used, no data. Prior art for dead ends: effective
    sparsity, Vysogorets and Kempe, JMLR 24(99), 2023; degree-balanced sparsity: Mocanu et al. 2018,
    arXiv:1707.04780. The procedure is ours.

    In networks with branches (additions, concatenations, maxima) a junction is no unit, values that
    depend on all channels (attention) are one unit, and layers that write to one residual stream
    share its units: a channel of the stream is in use for all of them, or for none. L and K are
    those of all layers that share streams, and each layer that is the first to write to a stream
    puts min(m, its channels) of them to use. From layer to layer the heaviest disjoint edges
    between the channels in use are kept, then what channels lack that are new or that no later
    layer reads, then point 4; see `regions.pruning.methods.disjoint_branches`. Numbers of channels
    in use are lowered where a layer keeps too few weights to reach them, and raised where they have
    no room for its weights.

    Where budgets are so large that the units in use have no room for them, the masks are those of
    repaired magnitude pruning: then dead ends are rare and all units are in use anyway.

    Attributes
    ----------
    paths : int, optional
        The number of disjoint paths of every group of layers that follow each other (with
        branches: of channels that each layer puts to use, and the least number of disjoint paths);
        then there is no other way out: what has no room for them is refused.
    time_limit : float, optional
        Seconds for the search once the model is read, looked at between layers.

    Raises
    ------
    UnsupportedModelError
        For networks that use a weight in several places.
    BudgetError
        If there are no masks of these sizes whose every weight is on a path, or none with as many
        disjoint paths as the option `paths` says.
    OutOfTime
        If the time is over: masks that are not finished would have weights on no path.
    """

    name = "disjoint"
    paths: int | None = None
    time_limit: float | None = None

    def __call__(self, request: Request) -> Selection:
        reading = request.reading
        graph = reading.require_graph("criterion 'disjoint'")
        counts, clock = _counts(request), Clock.start(self.time_limit)
        follow = _timed(follower(graph), clock)
        simple = graph.is_exact and not graph.branches
        choose = self._along if simple and _owns(graph, reading) else self._across
        try:
            masks = choose(request, graph, counts, follow, clock)
            if masks is not None:
                return Selection(masks=masks)
        except BudgetError:
            if self.paths is not None:
                raise
        if self.paths is not None:
            raise BudgetError(
                f"with paths={self.paths} and the counts {counts} some kept weight is on no path "
                "from input to output; leave `paths` out, or change the budget"
            )
        # no room between the units in use, or a kernel's weight that only meets padding
        scores = {name: np.abs(request.weights[name]) for name in counts}
        sweep = None if reading.tied else sweeper(graph)
        return Selection(masks=repair_layers(scores, counts, reading.whole, follow, sweep))

    def _along(
        self,
        request: Request,
        graph: Graph,
        counts: Mapping[str, int],
        follow: Follow,
        clock: Clock,
    ) -> dict[str, np.ndarray] | None:
        """Return the masks of a chain, or None if some weight is on no path."""
        layers = _chain(graph, request.reading.weights)
        masks: dict[str, np.ndarray] = {}
        for names in _runs(list(layers), counts):
            masks |= _run(names, layers, counts, self.paths, clock)
        alive = follow(request.reading.whole | masks)
        on_paths = all(np.array_equal(alive[name], mask) for name, mask in masks.items())
        return masks if on_paths else None

    def _across(
        self,
        request: Request,
        graph: Graph,
        counts: Mapping[str, int],
        follow: Follow,
        clock: Clock,
    ) -> dict[str, np.ndarray]:
        """Return the masks of a network with branches."""
        units = unit_graph(graph)
        whole = request.reading.whole
        nonzero = {name: request.weights[name] != 0.0 for name in counts}
        alive = follow(whole | nonzero)
        live = {name: alive[name] for name in counts}
        most = 0 if self.paths is None else count_disjoint_paths(units, live)
        if self.paths is not None and not 1 <= self.paths <= most:
            raise BudgetError(
                f"paths is {self.paths}, but the network has room for 1 to {most} disjoint paths"
            )
        masks = branching_masks(
            streams_of(units, request.weights, counts),
            live,
            lambda masks: follow(whole | dict(masks)),
            lambda budget, depth: self.paths or path_count(budget, depth, budget),
            self.paths is not None,
            clock,
        )
        if self.paths is not None and count_disjoint_paths(units, masks) < self.paths:
            raise BudgetError(
                f"no masks of the counts {counts} with {self.paths} disjoint paths were found; "
                "leave `paths` out, or change the budget"
            )
        return masks


def path_count(budget: int, depth: int, narrowest: int) -> int:
    """Return how many disjoint paths `budget` weights in `depth` consecutive layers get.

    m = min(2 sqrt(K / c), K / (c + 2), narrowest hidden layer), at least one, where a path costs
    c = `links(L)` (L - 1) weights in layers 2..L. The first term maximises log(K - c m) - 4 / m for
    large K: inputs have diminishing returns, and what m features miss falls like 1 / m. The second
    lets every path start from two inputs or more. The constant 4 was chosen on validation images of
    MNIST and Fashion-MNIST, perceptrons with two layers of 100; accuracy is flat around it.

    >>> [path_count(budget, 2, 100) for budget in (9, 88, 884)], path_count(118, 5, 100)
    ([3, 18, 59], 7)
    """
    cost = _cost(depth)
    return max(1, min(isqrt(4 * budget // cost), budget // (cost + 2), narrowest))


def links(depth: int) -> int:
    """Return how many units below each unit of layers 2..L reads: one if L = 2, else two.

    Along a deep chain of single weights the signal shrinks with every layer and training fails.
    """
    return 1 if depth <= 2 else 2


def _cost(depth: int) -> int:
    """Return what a path costs in layers 2..L."""
    return max(links(depth) * (depth - 1), 1)


@dataclass(frozen=True)
class _Layer:
    """One layer as a matrix (units, columns): `unit` is the unit below that a column reads."""

    matrix: np.ndarray
    shape: tuple[int, ...]
    unit: np.ndarray
    reads_activations: bool

    def by_unit(self, values: np.ndarray, units: int) -> np.ndarray:
        """Return the largest of `values` (-inf where there is none) for each pair of units."""
        best = np.full((len(values), units), -np.inf)
        np.maximum.at(best.T, self.unit, values.T)
        return best


def _timed(follow: Follow, clock: Clock) -> Follow:
    def timed(masks: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        clock.check()
        return follow(masks)

    return timed


def _owns(graph: Graph, reading: Reading) -> bool:
    """Tell whether all weights of the wiring are those of layers that can be pruned."""
    return set(graph.weighted) <= set(reading.weights)


def _chain(graph: Graph, weights: Mapping[str, np.ndarray]) -> dict[str, _Layer]:
    layers, below, active = {}, None, False
    for step in graph.steps[1:]:
        if step.kind == "relu":
            active = True
        if step.module is not None and step.module in weights:
            weight = weights[step.module]
            matrix = weight.reshape(len(weight), -1)
            units = matrix.shape[1] if below is None else below
            layers[step.module] = _Layer(
                matrix=matrix,
                shape=weight.shape,
                unit=np.arange(matrix.shape[1]) * units // matrix.shape[1],
                reads_activations=active,
            )
            below, active = len(weight), False
    return layers


def _counts(request: Request) -> dict[str, int]:
    if request.scope == "layer":
        return dict(request.counts)
    shapes = {name: request.weights[name].shape for name in request.counts}
    return disjoint_counts(shapes, sum(request.counts.values()))


def disjoint_counts(shapes: Mapping[str, tuple[int, ...]], budget: int) -> dict[str, int]:
    """Return how many of `budget` weights each of some consecutive layers gets.

    Layers 2..L get `links(L)` weights per disjoint path, layer 1 the rest, as many as its units in
    use can read. What exceeds the budget at which all units of the narrowest layer are in use is
    shared at equal densities. See `disjoint` and `path_count`.
    """
    sizes = {name: prod(shape) for name, shape in shapes.items()}
    first, *others = list(shapes)
    depth = len(shapes)
    narrowest = min(shapes[name][0] for name in (list(shapes)[:-1] or [first]))
    cost = _cost(depth)
    enough = max(cost * narrowest**2 // 4, (cost + 2) * narrowest)
    sparse = min(budget, enough)
    paths = path_count(sparse, depth, narrowest)
    each = paths * min(links(depth), paths)
    counts = {name: min(each, sizes[name]) for name in others}
    room = paths * prod(shapes[first][1:])
    counts = {first: max(min(sparse - sum(counts.values()), room, sizes[first]), 0), **counts}
    left = {name: sizes[name] - count for name, count in counts.items()}
    more = apportion(sizes, left, budget - sum(counts.values()))
    return {name: counts[name] + more[name] for name in shapes}


def _runs(names: Sequence[str], counts: Mapping[str, int]) -> list[list[str]]:
    """Return the pruned layers in groups that follow each other."""
    places = [place for place, name in enumerate(names) if name in counts]
    groups: list[list[str]] = []
    for before, place in pairwise([-2, *places]):
        if place != before + 1:
            groups.append([])
        groups[-1].append(names[place])
    return groups


def _run(
    names: Sequence[str],
    layers: Mapping[str, _Layer],
    counts: Mapping[str, int],
    paths: int | None,
    clock: Clock,
) -> dict[str, np.ndarray]:
    """Return the masks of pruned layers that follow each other."""
    is_output = names[-1] == list(layers)[-1]
    widths = [len(layers[name].matrix) for name in names]
    hidden = widths[:-1] if is_output and len(names) > 1 else widths
    budget = sum(counts[name] for name in names)
    if paths is None:
        number = path_count(budget, len(names), min(hidden))
        number = max(number, *_fewest(names, layers, counts))
    most = min(*hidden, *(counts[name] for name in names))
    if most < 1:
        raise BudgetError(f"layers {list(names)} keep {budget} weights, too few for one path")
    if paths is None:
        number = min(number, most)
    elif 1 <= paths <= most:
        number = int(paths)
    else:
        raise BudgetError(
            f"paths is {paths}, but layers {list(names)}, which keep "
            f"{[counts[name] for name in names]} weights, have room for 1 to {most} disjoint paths"
        )
    fan_in = max(1, counts[names[0]] // number)
    following = list(layers)[list(layers).index(names[-1]) + 1 :]
    ends = (
        _norms_of_columns(layers[following[0]], widths[-1]) if following else np.zeros(widths[-1])
    )
    starts = np.sort(scaled(layers[names[0]].matrix), axis=1)[:, -fan_in:].mean(axis=1)
    if len(names) == 1:
        best = np.argsort(-(starts + ends), kind="stable")[:number]
        return {names[0]: _first_layer(layers[names[0]], counts[names[0]], best)}
    edges = _paths(names, layers, starts, ends, number, is_output, clock)
    masks = {names[0]: _first_layer(layers[names[0]], counts[names[0]], np.unique(edges[0][1]))}
    for name, pair in zip(names[1:], edges, strict=True):
        clock.check()
        masks[name] = _further_layer(layers[name], counts[name], pair)
    return masks


def _fewest(
    names: Sequence[str], layers: Mapping[str, _Layer], counts: Mapping[str, int]
) -> list[int]:
    """Return the fewest paths whose units have room for each layer's weights."""
    first, *others = names
    taps = {name: np.bincount(layers[name].unit).min() for name in others}
    return [
        -(-counts[first] // layers[first].matrix.shape[1]),
        *(isqrt(max(counts[name] - 1, 0) // int(taps[name])) + 1 for name in others),
    ]


def _norms_of_columns(layer: _Layer, units: int) -> np.ndarray:
    squares = np.bincount(layer.unit, np.square(scaled(layer.matrix)).sum(axis=0), units)
    return np.sqrt(squares)


def _paths(
    names: Sequence[str],
    layers: Mapping[str, _Layer],
    starts: np.ndarray,
    ends: np.ndarray,
    number: int,
    is_output: bool,
    clock: Clock,
) -> list[tuple[np.ndarray, np.ndarray]]:
    scores = []
    for below, name in pairwise(names):
        layer = layers[name]
        value = edge_scores(layer.matrix, scaled(layer.matrix), layer.matrix != 0.0)
        scores.append(layer.by_unit(value, len(layers[below].matrix)))
    scores[0] = scores[0] + starts
    scores[-1] = scores[-1] + ends[:, None]
    share = -(-number // len(scores[-1])) if is_output else 1
    return heaviest_disjoint_paths(scores, number, share, clock)


def _first_layer(layer: _Layer, count: int, units: np.ndarray) -> np.ndarray:
    allowed = np.zeros(layer.matrix.shape, dtype=bool)
    allowed[units] = layer.matrix[units] != 0.0
    first = layer.matrix > 0.0 if layer.reads_activations else None
    mask = spread(layer.matrix, count, np.zeros_like(allowed), allowed, first)
    return mask.reshape(layer.shape)


def _further_layer(layer: _Layer, count: int, edges: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    rows, units = edges
    start = np.zeros(layer.matrix.shape, dtype=bool)
    for row, unit in zip(rows, units, strict=True):
        tap = np.where(layer.unit == unit, layer.matrix[row], 0.0)
        start[row, np.argmax(tap) if (tap > 0.0).any() else np.argmax(np.abs(tap))] = True
    allowed = np.zeros_like(start)
    allowed[np.ix_(np.unique(rows), np.flatnonzero(np.isin(layer.unit, units)))] = True
    allowed &= layer.matrix != 0.0
    return spread(layer.matrix, count, start, allowed).reshape(layer.shape)
