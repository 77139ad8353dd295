"""`prune`: the masks of a model at given densities by a criterion."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from regions.choices import check_name
from regions.density import check_density
from regions.errors import ArgumentError, BudgetError, UnsupportedModelError
from regions.pruning.counts import apportion, nearest
from regions.pruning.criteria.magnitude import Magnitude
from regions.pruning.criterion import Criterion, Function, Method, Request, Selection
from regions.pruning.masks.masks import Masks
from regions.pruning.masks.paths import follower, sweeper
from regions.pruning.model.parameters import merge_tied
from regions.pruning.model.reading import Reading, read_model
from regions.pruning.registry import criterion_of
from regions.pruning.repair import repair_layers, thin_out
from regions.pruning.selection import best_overall, best_per_layer
from regions.pruning.sharing import check_sharing, follow_shared, share_masks
from regions.randomness import Rng


def prune(
    model: Any,
    densities: Any = None,
    criterion: str | Criterion | Method | Function | None = None,
    repair: bool | None = None,
    *,
    scope: str = "layer",
    prune_output: bool = False,
    input_shape: tuple[int, ...] | None = None,
    rng: Rng = 0,
    density: float | None = None,
    **options: Any,
) -> Masks:
    """Return the masks of `model` at the given densities; the model itself is never changed.

    Parameters
    ----------
    model : torch.nn.Module, list of (W, b), path of an ONNX file, or ReLUNetwork
        Prunable are the weights of Linear and Conv modules, never biases. Weights that are pruned
        already count as zeros.
    densities : float, mapping of str to float, Allocation, or Masks
        Fractions of weights kept, above 0 and at most 1. A number applies to all prunable layers
        but the last one, the output layer, which is kept whole (see `prune_output`; an only layer
        is pruned): together they keep round(density * size). A mapping names layers; each keeps
        round(density * size) weights, and layers that are not named are kept whole. Layers that
        share one parameter count once, get one mask, and may be named by any of their names. An
        `Allocation` (regions.allocate) gives whole numbers; if it was made from widths, its layers
        are matched in order. `Masks` stand for their counts, so that
        ``prune(model, masks, "random")`` is the control of equal counts.
    criterion : str, criterion or callable, optional
        By default what an `Allocation` is made for (`Allocation.criterion` and `.repair`: those of
        ``"balance"``, its default, are disjoint paths for dense layers and repaired magnitude for
        networks with convolutions; plain magnitude where the wiring is unknown), and else
        ``"magnitude"``.
        A name in `regions.pruning.CRITERIA`, such as ``"magnitude"``, ``"random"`` or ``"snip"``,
        or one of the objects there, which hold their options; or a function of a
        `regions.pruning.Request` that returns one score per weight. Equal scores: the earlier
        weight is kept (in row-major order, and by layer if `scope` is global).
        `regions.pruning.METHODS` names those that choose the masks themselves and may set
        parameters anew (`Masks.repaired`, written by `Masks.apply`): their docstrings say what a
        density means to them. A function may return a `regions.pruning.Selection` likewise.
    repair : bool, optional
        Keep only weights that lie on an input-to-output path, with the same budget, exactly: see
        `regions.pruning.repair`. Layers kept whole are not counted: where the output layer is one,
        its weights that read dead units are not effective. The wiring must be known.
    scope : {"layer", "global"}
        ``"global"`` compares the scores of all layers to prune with each other; `densities` then
        says how many weights these layers keep together. SNIP, GraSP and SynFlow are published so,
        with the output layer: ``scope="global", prune_output=True``.
    prune_output : bool
        Let a number in `densities` apply to the output layer also.
    input_shape : tuple of int, optional
        Shape of one input, for models that start with a convolution: needed for the wiring,
        hence for `repair` and for `Masks.effective`.
    rng : int, numpy.random.Generator or None
        Randomness of the criterion; the same seed gives the same masks.
    density : float, optional
        The same as one number in `densities`.
    **options
        The fields of the criterion: ``"snip", inputs=x, labels=y`` and ``SNIP(x, y)`` are the same
        call. A function finds them in its request.

    Returns
    -------
    Masks
        One mask per prunable layer, also for layers kept whole.

    Raises
    ------
    ArgumentError
        For a density outside (0, 1], an unknown layer, criterion or option, or NaN weights.
    BudgetError
        If no weight at all would be kept, or `repair` finds no masks of exactly the demanded
        sizes whose every weight is on a path.
    UnsupportedModelError
        If `repair` is asked for and the wiring is unknown, or a method that chooses masks itself
        meets a parameter that layers share.

    Warns
    -----
    UserWarning
        Once for all weights that are passed over because they belong to no Linear or Conv module
        (recurrent layers, attention, transposed convolutions, embeddings), by name; and once for
        all layers of which the criterion keeps nothing.

    Examples
    --------
    >>> import numpy as np, regions
    >>> pairs = [(np.array([[3.0, 1.0], [2.0, 0.5]]), None), (np.array([[0.1, 4.0]]), None)]
    >>> regions.prune(pairs, 0.5)["layer1"].tolist()
    [[True, False], [True, False]]
    >>> masks = regions.prune(pairs, {"layer1": 0.5, "output": 0.5}, repair=True)
    >>> masks["layer1"].tolist(), masks["output"].tolist()
    ([[False, False], [True, True]], [[False, True]])
    """
    if (densities is None) == (density is None):
        raise ArgumentError(
            "give either densities (a number, a mapping of layers, an Allocation or Masks) or "
            f"density=, a number; got densities={densities!r:.80} and density={density!r}"
        )
    densities = density if densities is None else densities
    check_name("scope", scope, ("layer", "global"))
    reading = read_model(model, input_shape)
    own = criterion is None and repair is None and scope == "layer"
    if own:
        criterion, repair = _made_for(densities, reading)
    judge = criterion_of("magnitude" if criterion is None else criterion, options)
    counts = layer_counts(
        densities, reading.shapes, () if prune_output else reading.output_layers, reading.tied
    )
    _check_computed(reading, counts)
    weights = {name: reading.weights[name] for name in counts}
    request = Request(
        model=model,
        weights=weights,
        rng=np.random.default_rng(rng),
        counts=counts,
        densities=_asked(densities, counts, weights),
        scope=scope,
        reading=reading,
        options={} if isinstance(judge, (Criterion, Method)) else options,
    )
    try:
        check_sharing(judge, reading, counts)
        found = judge(request)
    except UnsupportedModelError:
        if not own:
            raise
        found, repair = Magnitude()(request), True
    if isinstance(found, Selection):
        if repair:
            raise ArgumentError(
                f"repair=True chooses single weights by their scores, but {criterion!r} chooses "
                "the masks itself; leave repair out, or use a criterion that scores weights"
            )
    else:
        select = _repaired if repair else _plain
        found = Selection(masks=select(_checked(found, request.weights), counts, scope, reading))
    arrays = {**reading.whole, **share_masks(found.masks, reading.tied)}
    masks = Masks(arrays, reading.graph, reading.note, found.repaired)
    asked = isinstance(getattr(densities, "counts", None), Mapping)
    _warn(masks, reading, [name for name, count in counts.items() if asked and count == 0])
    return masks


def _made_for(densities: Any, reading: Reading) -> tuple[str, bool]:
    """Return the criterion and repair that an allocation is made for, as far as paths are known."""
    if reading.graph is None or not isinstance(getattr(densities, "counts", None), Mapping):
        return "magnitude", False
    return getattr(densities, "criterion", "magnitude"), getattr(densities, "repair", False)


def _check_computed(reading: Reading, counts: Mapping[str, int]) -> None:
    """Refuse layers whose zeros would not act, as a module computes its weight from them."""
    lost = [name for name in reading.computed if name in counts]
    if lost:
        raise ArgumentError(
            f"the layers {lost} compute their weight from their parameter at every pass (weight "
            "standardisation or the like), so zeros in the parameter are no zeros in what acts; "
            "leave them out (densities by name), or give modules that use their parameter"
        )


def _warn(masks: Masks, reading: Reading, emptied: Collection[str]) -> None:
    """Say what was passed over, and which layers keep nothing although that was not asked for."""
    if reading.passed_over:
        warnings.warn(
            f"prune handles the weights of Linear and Conv modules and passes over "
            f"{list(reading.passed_over)}: they stay whole",
            stacklevel=3,
        )
    kept = masks.counts
    empty = [n for n in masks if kept[n] == 0 and reading.tied.get(n, n) not in emptied]
    if empty:
        warnings.warn(
            f"no weight is kept in the layers {empty}: nothing passes through them; for other "
            "masks, give scope='layer', higher densities or repair=True",
            stacklevel=3,
        )


def _checked(
    given: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return a criterion's scores after checking names, shapes and NaN."""
    scores = {name: np.asarray(value, float) for name, value in given.items()}
    for name, weight in weights.items():
        found = scores.get(name)
        if found is None or found.shape != weight.shape or np.isnan(found).any():
            what = None if found is None else f"shape {found.shape}"
            raise ArgumentError(
                f"the criterion gave layer {name!r} the scores {what}; expected one number (no "
                f"NaN) per weight, shape {weight.shape}"
            )
    return {name: scores[name] for name in weights}


def _plain(
    scores: Mapping[str, np.ndarray], counts: Mapping[str, int], scope: str, reading: Reading
) -> dict[str, np.ndarray]:
    if scope == "global":
        return best_overall(scores, sum(counts.values()))
    return best_per_layer(scores, counts)


def _repaired(
    scores: Mapping[str, np.ndarray], counts: Mapping[str, int], scope: str, reading: Reading
) -> dict[str, np.ndarray]:
    reading.require_graph("repair")
    follow = follow_shared(follower(reading.graph), reading)
    whole = {name: mask for name, mask in reading.whole.items() if name not in reading.tied}
    if scope == "global":
        groups = [(list(counts), sum(counts.values()))]
        return thin_out(scores, groups, whole, follow)
    sweep = None if reading.tied else sweeper(reading.graph)
    return repair_layers(scores, counts, whole, follow, sweep)


def layer_counts(
    densities: Any,
    shapes: Mapping[str, tuple[int, ...]],
    whole: Collection[str] = (),
    tied: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, int]:
    """Return how many weights each parameter to prune keeps, by the first layer that has it.

    One number spares the layers `whole`, unless there are no others.

    See `prune` for what is accepted; `tied` is that of a `Reading`.
    """
    sizes = {name: prod(shape) for name, shape in shapes.items() if name not in tied}
    if _is_number(densities):
        check_density(densities)
        spared = {tied.get(name, name) for name in whole}
        if spared < set(sizes):
            sizes = {name: size for name, size in sizes.items() if name not in spared}
        total = nearest(densities, sum(sizes.values()))
        if total == 0:
            raise BudgetError(
                f"density {densities} of {sum(sizes.values())} weights rounds to none; "
                f"the smallest density that keeps one is {1 / sum(sizes.values()):.3g}"
            )
        return apportion(sizes, sizes, total)
    if isinstance(getattr(densities, "counts", None), Mapping):
        asked = merge_tied(_counts_of_allocation(densities, shapes), tied, "their counts")
        return {name: count for name, count in asked.items() if count < sizes[name]}
    if not isinstance(densities, Mapping) or not densities:
        raise ArgumentError(
            "densities must be a number, a mapping of layer names to numbers, or an Allocation; "
            f"got {densities!r:.80}"
        )
    unknown = [name for name in densities if name not in shapes]
    if unknown:
        raise ArgumentError(f"no prunable layer {unknown[0]!r}; there are {list(shapes)}")
    given = {n: check_density(d, f"density of {n!r}") for n, d in densities.items()}
    checked = merge_tied(given, tied, "their densities")
    return {
        name: nearest(checked[name], size)
        for name, size in sizes.items()
        if checked.get(name, 1.0) < 1.0
    }


def _asked(
    densities: Any, counts: Mapping[str, int], weights: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return the densities that were asked for, before they were rounded to counts."""
    if _is_number(densities):
        return dict.fromkeys(counts, float(densities))
    given = {} if isinstance(getattr(densities, "counts", None), Mapping) else densities
    return {
        name: float(given.get(name, count / weights[name].size)) for name, count in counts.items()
    }


def _counts_of_allocation(allocation: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    given = allocation.shapes
    if given != dict(shapes) and list(given.values()) != list(shapes.values()):
        raise ArgumentError(
            f"the allocation is for layers of shapes {given}, but the model has {dict(shapes)}"
        )
    name_of = dict(zip(given, shapes, strict=True))
    if set(given) == set(shapes):
        name_of = {name: name for name in given}
    return {name_of[name]: count for name, count in allocation.counts.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating))
