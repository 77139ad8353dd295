"""Compare two networks layer by layer."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from regions.choices import choose
from regions.errors import ArgumentError
from regions.representations.cca import CCA
from regions.representations.collect import Collected, collect
from regions.representations.comparison import LayerComparison, LayerSimilarity
from regions.representations.dft import by_frequency, checked_maps
from regions.representations.extent import Column
from regions.representations.jackknife import jackknife
from regions.representations.measure import DegenerateLayerWarning, Measure, SampleSizeWarning
from regions.representations.registry import MEASURES
from regions.representations.settings import Settings
from regions.representations.similarity import Similarity, SimilarityStatus
from regions.representations.svcca import SVCCA


def compare_layers(
    dense: Any,
    pruned: Any,
    inputs: Any,
    measure: str | Measure = "svcca",
    layers: str | Sequence[str] | None = None,
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
        A name ("cca", "svcca", "pwcca", "cka", "cka_debiased", "procrustes", "regression_r2") or a
        measure: ``measure="svcca", threshold=0.9`` and ``measure=SVCCA(threshold=0.9)`` are the
        same call.
    layers
        Which modules; see `capture`.
    **options
        The fields of `Settings`, such as ``tap="relu"``, ``mode="gap"``, ``blocks=20``,
        ``accumulator="tsqr"``, ``batch_size=``, ``max_images=``, ``rng=`` or ``progress=``; and
        those of the measure.

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
    words = [field.name for field in fields(Settings) if field.name != "layers"]
    settings = Settings(layers=layers, **{k: options.pop(k) for k in words if k in options})
    chosen = choose("measure", measure, MEASURES, options, beside=words, base=Measure)
    _check(settings, chosen)
    reason = chosen.without_interval if settings.blocks else ""
    if reason:
        settings = replace(settings, blocks=0)
    plan, groups, images = collect(dense, pruned, inputs, settings, chosen.needs_lengths)
    results: dict[tuple[str, str], LayerSimilarity] = {}
    for collected in groups:
        results.update(_group_results(collected, chosen, settings))
    layered = [
        results.get((name, name))
        or LayerSimilarity(layer=name, similarity=Similarity.unknown(chosen.name))
        for name in plan.matched
    ]
    comparison = LayerComparison(
        measure=layered[0].similarity.measure,
        layers=tuple(replace(one, no_interval=reason or one.no_interval) for one in layered),
        grid={names: found.similarity for names, found in results.items()},
        unmatched_x=plan.unmatched_x,
        unmatched_y=plan.unmatched_y,
        details={
            "mode": settings.mode,
            "tap": settings.tap,
            "accumulator": settings.accumulator,
            "images": images if groups else 0,
            "blocks": settings.blocks,
            "apart": dict(plan.apart),
        },
    )
    _warn(comparison)
    return comparison


def _check(settings: Settings, measure: Measure) -> None:
    if settings.per_position and (settings.accumulator != "moments" or measure.needs_lengths):
        raise ArgumentError(
            f"per_position works with accumulator='moments' and any measure but cka_debiased; got "
            f"accumulator={settings.accumulator!r}, measure={measure.name!r}"
        )
    if settings.mode == "dft" and not isinstance(measure, (CCA, SVCCA)):
        raise ArgumentError(f"mode='dft' works with cca and svcca; got {measure.name!r}")


def _group_results(
    collected: Collected, measure: Measure, settings: Settings
) -> dict[tuple[str, str], LayerSimilarity]:
    """Return the results of all pairs of a group; intervals and nulls for matched ones."""
    whole_maps = settings.mode == "dft"

    def judge(sums: Any, a: str, b: str) -> Similarity:
        x, y = collected.columns_x[a], collected.columns_y[b]
        return by_maps(sums, x, y) if whole_maps else measure(sums.pair(x, y))

    def value(sums: Any, a: str, b: str) -> float:
        x, y = collected.columns_x[a], collected.columns_y[b]
        return by_maps(sums, x, y).value if whole_maps else measure.value(sums.pair(x, y))

    def by_maps(sums: Any, x: Column, y: Column) -> Similarity:
        maps = [checked_maps(*of) for of in zip(sums.maps(x, y), (x.name, y.name), strict=True)]
        return by_frequency(maps, [x.extent, y.extent], measure)

    def matched(name: str, similarity: Similarity) -> LayerSimilarity:
        interval, reason = None, ""
        if settings.blocks and np.isfinite(similarity.value):
            parts = map(collected.total, range(len(collected.blocks)))
            left_out = [value(sums, name, name) for sums in parts]
            if np.isfinite(left_out).all():
                interval = jackknife(similarity.value, left_out)
            else:
                reason = "without one of the blocks the similarity is undefined"
        nulls = [value(sums, name, name) for sums in collected.shuffled]
        null = float(np.mean(nulls)) if nulls else float("nan")
        return LayerSimilarity(
            layer=name,
            similarity=similarity,
            interval=interval,
            no_interval=reason,
            null_permuted=null,
        )

    total, found = collected.total(), {}
    for a, b in itertools.product(collected.group.names_x, collected.group.names_y):
        similarity = judge(total, a, b)
        plain = LayerSimilarity(layer=a, similarity=similarity)
        found[a, b] = matched(a, similarity) if a == b else plain
    return found


def _warn(comparison: LayerComparison) -> None:
    pairs = {found.layer: found.similarity for found in comparison.layers}
    silent = [name for name, pair in pairs.items() if pair.status is SimilarityStatus.DEGENERATE]
    if silent:
        warnings.warn(
            f"NaN for {', '.join(silent)}: no neuron varies in one of the networks",
            DegenerateLayerWarning,
            stacklevel=3,
        )
    few = {
        name: pair
        for name, pair in pairs.items()
        if pair.status in (SimilarityStatus.FEW_SAMPLES, SimilarityStatus.SATURATED)
        or (pair.status is SimilarityStatus.UNDEFINED and name not in comparison.apart)
    }
    if few:
        shown = "; ".join(
            f"{name} (n = {pair.n}, {max(pair.neurons_x, pair.neurons_y)} neurons, "
            + (
                f"{pair.measure} is undefined)"
                if pair.status is SimilarityStatus.UNDEFINED
                else f"independent layers would score {pair.null:.2f})"
            )
            for name, pair in few.items()
        )
        warnings.warn(
            f"too few samples per neuron (fewer than 10, or too few for the measure): {shown}. "
            "Take more inputs, or judge against `null`",
            SampleSizeWarning,
            stacklevel=3,
        )
