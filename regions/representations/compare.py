"""Compare two networks layer by layer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.representations.collect import ACCUMULATORS, Collected, Settings, collect
from regions.representations.comparison import LayerComparison, LayerSimilarity
from regions.representations.dft import dft_similarity
from regions.representations.jackknife import Interval, jackknife
from regions.representations.measure import DegenerateLayerWarning, Measure, SampleSizeWarning
from regions.representations.plan import Plan
from regions.representations.registry import find_measure
from regions.representations.similarity import Similarity, Status


def compare_layers(
    dense: Any,
    pruned: Any,
    inputs: Any,
    measure: str | Measure = "svcca",
    layers: str | Sequence[str] | None = None,
    *,
    tap: str = "output",
    mode: str = "spatial",
    grid: bool | None = None,
    blocks: int = 0,
    permutations: int = 0,
    accumulator: str = "moments",
    max_positions: int | None = None,
    per_position: bool = False,
    batch_size: int = 64,
    max_images: int | None = None,
    select: Any = None,
    rng: int = 0,
    progress: bool = False,
    **options: Any,
) -> LayerComparison:
    """Return how similar each layer of a pruned network is to the same layer of its dense twin.

    One pass feeds both networks the same batches, in evaluation mode and without gradients;
    layers are matched by module name; only sums are kept, so that memory does not grow with
    the number of inputs. A claim needs more than this number: compare with another dense seed
    and an untrained network (`compare_curves`).

    Parameters
    ----------
    dense, pruned
        Modules (hooked), or anything `as_network` takes. Masked weights are plain zeros here.
    inputs
        Array or tensor (images, ...), or a loader; see `regions.representations.inputs`.
    measure
        "cca", "svcca", "pwcca", "cka", "cka_debiased", "procrustes" or "regression_r2";
        `options` go to it (``threshold=0.99``).
    layers, tap, select
        Which modules, and what of them; see `capture`.
    mode
        What a sample is in convolutional layers; see `map_rows`.
    grid
        Whether to compare all pairs of layers with the same samples; by default only for
        networks of at most 1024 neurons (channels) in all.
    blocks
        Number of blocks of images for jackknife intervals; 0 for none, 10 or more to use.
    permutations
        How often the images of the pruned network are shuffled (within batches) for a null
        value that keeps the dependence between the positions of an image.
    accumulator
        "moments" (sums of products); "tsqr" (accurate at any conditioning, slower); "store"
        (all rows, in memory).
    max_positions
        With positions as samples: keep so many random ones per image, the same for both.
    per_position
        Take out each position's own mean, which padding gives even to unrelated networks.

    Returns
    -------
    LayerComparison

    Raises
    ------
    ArgumentError
        For unknown names, networks without a common layer, or activations that are not finite.

    Warns
    -----
    SampleSizeWarning, DegenerateLayerWarning
        Once, naming the layers.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> import regions
    >>> model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    >>> inputs = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    >>> comparison = compare_layers(model, model, inputs, measure="cka")
    >>> comparison.matrix.shape, round(comparison["0"].value, 6)
    ((3, 3), 1.0)
    """
    chosen = find_measure(measure)
    settings = Settings(
        layers=layers,
        tap=tap,
        mode=mode,
        accumulator="store" if mode == "dft" else accumulator,
        grid=grid,
        blocks=blocks,
        permutations=permutations,
        max_positions=max_positions,
        per_position=per_position,
        lengths=chosen.name == "cka_debiased",
        batch_size=batch_size,
        max_images=max_images,
        select=select,
        rng=rng,
        progress=progress,
    )
    _check(settings, chosen)
    plan, groups = collect(dense, pruned, inputs, settings)
    results = {}
    for collected in groups:
        results.update(_group_results(collected, chosen, settings, options))
    comparison = _assemble(plan, groups, results, chosen, settings)
    _warn(comparison)
    return comparison


def _check(settings: Settings, measure: Measure) -> None:
    if settings.accumulator not in ACCUMULATORS:
        known = ", ".join(ACCUMULATORS)
        raise ArgumentError(f"accumulator is {settings.accumulator!r}; choose one of {known}")
    if settings.blocks == 1 or settings.blocks < 0:
        raise ArgumentError(f"blocks is {settings.blocks}; expected 0 (none) or at least 2")
    if settings.per_position and (settings.accumulator != "moments" or settings.lengths):
        raise ArgumentError(
            f"per_position works with accumulator='moments' and any measure but cka_debiased; got "
            f"accumulator={settings.accumulator!r}, measure={measure.name!r}"
        )
    if settings.mode == "dft" and measure.name not in ("cca", "svcca"):
        raise ArgumentError(f"mode='dft' works with cca and svcca; got {measure.name!r}")


def _group_results(
    collected: Collected, measure: Measure, settings: Settings, options: Mapping[str, Any]
) -> dict[tuple[str, str], LayerSimilarity]:
    """Return the results of all pairs of a group; intervals and nulls for matched ones."""
    group, total = collected.group, collected.total()
    found = {}
    for a in group.names_x:
        for b in group.names_y:
            similarity = _judge(collected, total, (a, b), measure, settings, options)
            found[a, b] = LayerSimilarity(layer=a, similarity=similarity)
    for a in group.names_x:
        if (a, a) in found:
            pair = found[a, a].similarity
            fixed = {**options, **_fixed_truncation(pair, settings)}
            found[a, a] = LayerSimilarity(
                layer=a,
                similarity=pair,
                interval=_interval(collected, a, pair, measure, settings, fixed),
                null_permuted=_null(collected, a, measure, settings, options),
            )
    return found


def _judge(
    collected: Collected,
    sums: Any,
    names: tuple[str, str],
    measure: Measure,
    settings: Settings,
    options: Mapping[str, Any],
) -> Similarity:
    if settings.mode == "dft":
        return dft_similarity(*sums.maps(), measure=measure.name, **options)
    pair = sums.pair(collected.columns_x[names[0]], collected.columns_y[names[1]])
    return measure(pair, **options)


def _fixed_truncation(pair: Similarity, settings: Settings) -> dict[str, Any]:
    """Return options that hold SVCCA's truncation, so that a left-out block cannot move it."""
    if pair.measure != "svcca" or settings.mode == "dft":
        return {}
    return {"n_components": (pair.rank_x, pair.rank_y)}


def _interval(
    collected: Collected,
    name: str,
    pair: Similarity,
    measure: Measure,
    settings: Settings,
    options: Mapping[str, Any],
) -> Interval | None:
    if not settings.blocks or not np.isfinite(pair.value):
        return None
    left_out = [
        _judge(collected, collected.total(k), (name, name), measure, settings, options).value
        for k in range(len(collected.blocks))
    ]
    return jackknife(pair.value, left_out)


def _null(
    collected: Collected,
    name: str,
    measure: Measure,
    settings: Settings,
    options: Mapping[str, Any],
) -> float:
    values = [
        _judge(collected, sums, (name, name), measure, settings, options).value
        for sums in collected.shuffled
    ]
    return float(np.mean(values)) if values else float("nan")


def _assemble(
    plan: Plan,
    groups: list[Collected],
    results: Mapping[tuple[str, str], LayerSimilarity],
    measure: Measure,
    settings: Settings,
) -> LayerComparison:
    layers = [
        results[name, name] if (name, name) in results else _apart(name, measure)
        for name in plan.matched
    ]
    return LayerComparison(
        measure=layers[0].similarity.measure,
        layers=tuple(layers),
        grid={names: found.similarity for names, found in results.items()},
        unmatched_x=plan.unmatched_x,
        unmatched_y=plan.unmatched_y,
        details={
            "mode": settings.mode,
            "tap": settings.tap,
            "accumulator": settings.accumulator,
            "images": groups[0].images if groups else 0,
            "blocks": settings.blocks,
            "apart": dict(plan.apart),
        },
    )


def _apart(name: str, measure: Measure) -> LayerSimilarity:
    """Return the result of a layer whose samples differ between the networks."""
    nan = float("nan")
    counts = dict.fromkeys(
        (
            "n",
            "rank_x",
            "rank_y",
            "neurons_x",
            "neurons_y",
            "dead_x",
            "dead_y",
            "constant_x",
            "constant_y",
        ),
        0,
    )
    similarity = Similarity(
        measure=measure.name, value=nan, value_all=nan, null=nan, status=Status.UNDEFINED, **counts
    )
    return LayerSimilarity(layer=name, similarity=similarity)


def _warn(comparison: LayerComparison) -> None:
    pairs = {found.layer: found.similarity for found in comparison.layers}
    silent = [name for name, pair in pairs.items() if pair.status is Status.DEGENERATE]
    if silent:
        warnings.warn(
            f"NaN for {', '.join(silent)}: no neuron varies in one of the networks",
            DegenerateLayerWarning,
            stacklevel=3,
        )
    few = {
        name: pair
        for name, pair in pairs.items()
        if pair.status in (Status.FEW_SAMPLES, Status.SATURATED)
        or (pair.status is Status.UNDEFINED and name not in comparison._apart())
    }
    if few:
        shown = "; ".join(
            f"{name} (n = {pair.n}, {max(pair.neurons_x, pair.neurons_y)} neurons, independent "
            f"layers would score {pair.null:.2f})"
            for name, pair in few.items()
        )
        warnings.warn(
            f"fewer than 10 samples per neuron: {shown}. Take more inputs, or judge against `null`",
            SampleSizeWarning,
            stacklevel=3,
        )
