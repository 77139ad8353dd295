"""One cell of an atlas: prune every dense network, fine-tune all as one stack, and measure."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

import regions
from regions.atlas.kernels import kernel_distance
from regions.atlas.method import read_method
from regions.atlas.settings import Settings
from regions.networks import Box, Slice, liveness
from regions.representations import DegenerateLayerWarning, SampleSizeWarning
from regions.theory import empirical_ntk
from regions.training import DataSet, Evaluation, evaluate, train

DENSE = "dense"
CONTROL = "dense, trained on"
_POSITIONS = 16


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What every cell is given.

    Attributes
    ----------
    dense : sequence of torch.nn.Module
        One trained network per seed.
    distinct : bool
        Whether they are different networks.
    box : Box
        The range of the pixel values; `planes` are cut to it.
    home : Path
        Where fine-tuned networks are kept.
    """

    data: DataSet
    dense: Sequence[nn.Module]
    distinct: bool
    settings: Settings
    box: Box
    planes: Sequence[Slice]
    lines: Sequence[Slice]
    home: Path

    def inputs(self) -> np.ndarray:
        """Return the images that representations are compared on, test images first."""
        parts = (self.data.test, self.data.validation, self.data.train)
        images = np.concatenate([part.inputs for part in parts if len(part)])
        return images[: self.settings.images]

    def points(self) -> np.ndarray:
        """Return the test images of the tangent kernels."""
        return self.data.test.inputs[: self.settings.ntk_images].astype(float)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The networks of one method and density, one per seed, and where they came from."""

    models: Sequence[nn.Module]
    masks: Sequence[regions.Masks]
    after: Evaluation
    before: Evaluation


def measure(method: str, density: float, *, survey: Survey) -> pd.DataFrame:
    """Return the rows of one method and density; column `kind` says what a row is about.

    The kinds are "network" (one row per seed), "layer", "slice" and "class". The method `DENSE`
    compares each dense network with the next one: the reference for every other row.
    """
    cell = make_cell(method, density, survey)
    found: list[dict[str, Any]] = []
    for seed, (model, masks) in enumerate(zip(cell.models, cell.masks, strict=True)):
        twin = _twin(method, seed, survey)
        net = regions.as_network(model, input_shape=survey.data.image_shape)
        network = {
            "accuracy": cell.after.accuracy[seed],
            "accuracy_before": cell.before.accuracy[seed],
            **_structure(net, masks),
            **_kernels(twin, model, masks, survey),
        }
        kinds = {
            "network": [network],
            "layer": _layers(twin, model, survey),
            "slice": _slices(net, survey),
            "class": _classes(cell.after, seed, survey) if method != DENSE else (),
        }
        found += [
            {"kind": kind, "seed": seed, **row} for kind, rows in kinds.items() for row in rows
        ]
    return pd.DataFrame(found)


def make_cell(method: str, density: float, survey: Survey) -> Cell:
    """Prune and fine-tune; a cell that was made before is read from its checkpoint."""
    data, settings, dense = survey.data, survey.settings, list(survey.dense)
    masks = [_masks(method, density, model, seed, survey) for seed, model in enumerate(dense)]
    starts = [
        one.apply(copy.deepcopy(model), how="zeros")
        for one, model in zip(masks, dense, strict=True)
    ]
    before = evaluate(starts, data.test)
    if method == DENSE:
        return Cell(models=dense, masks=masks, after=before, before=before)
    name = f"{method}-{density:g}".replace(" ", "-").replace(",", "")
    result = train(starts, data, settings.fine, masks=masks, checkpoint=survey.home / name)
    after = evaluate(result, data.test)
    return Cell(models=result.models(), masks=masks, after=after, before=before)


def _masks(
    method: str, density: float, model: nn.Module, seed: int, survey: Survey
) -> regions.Masks:
    shape = survey.data.image_shape
    if method in (DENSE, CONTROL):
        return regions.prune(model, 1.0, input_shape=shape)
    rng = np.random.default_rng([survey.settings.seed, seed])
    found = read_method(method)
    return found.prune(model, density, survey.data, survey.settings.dense, rng)


def _twin(method: str, seed: int, survey: Survey) -> nn.Module | None:
    """Return what a network is compared with: its dense ancestor, or another dense network."""
    if method != DENSE:
        return survey.dense[seed]
    return survey.dense[(seed + 1) % len(survey.dense)] if survey.distinct else None


def _structure(net: regions.ReLUNetwork, masks: regions.Masks) -> dict[str, Any]:
    """Return what the masks alone say."""
    alive = liveness(net.graph, masks)
    layers = net.relu_layers
    return {
        "kept": sum(masks.counts.values()),
        "live_units": sum(int(alive.fed[layer.name].sum()) for layer in layers),
        "effective_units": sum(int(alive.units(layer.name).sum()) for layer in layers),
        "live_bound": regions.upper_bound(net, "live", masks=masks).log2,
    }


def _kernels(
    twin: nn.Module | None, model: nn.Module, masks: regions.Masks, survey: Survey
) -> dict[str, float]:
    if twin is None:
        return {"ntk_distance": np.nan, "ntk_size": np.nan}
    points = survey.points()
    first, second = empirical_ntk(twin, points), empirical_ntk(model, points, masks=masks)
    return {
        "ntk_distance": kernel_distance(first, second),
        "ntk_size": float(np.trace(second) / np.trace(first)),
    }


# before a layer's name, or "4" and "1.10" of nn.Sequential come back from a file as numbers
LAYER = "layer "


def _layers(twin: nn.Module | None, model: nn.Module, survey: Survey) -> list[dict[str, Any]]:
    if twin is None:
        return []
    tap = "relu" if any(isinstance(part, nn.ReLU) for part in model.modules()) else "linear"
    with warnings.catch_warnings():  # the status is in the table
        warnings.simplefilter("ignore", SampleSizeWarning)
        warnings.simplefilter("ignore", DegenerateLayerWarning)
        found = regions.compare_layers(
            twin, model, survey.inputs(), tap=tap, grid=False, max_positions=_POSITIONS
        )
    return [
        {
            "layer": LAYER + one.layer,
            "svcca": one.similarity.value,
            "null": one.similarity.null,
            "similarity_status": str(one.similarity.status),
        }
        for one in found.layers
    ]


def _slices(net: regions.ReLUNetwork, survey: Survey) -> Iterator[dict[str, Any]]:
    _compile()
    for domain, slices in (("plane", survey.planes), ("line", survey.lines)):
        for index, part in enumerate(slices):
            found = regions.count_regions(net, part, time_limit=survey.settings.time_limit)
            yield {
                "domain": domain,
                "slice": index,
                "regions": found.count,
                "at_least": found.lower,
                "count_status": found.status.name,
            }


def _compile() -> None:
    """Compile the kernels of this process, so that no time limit runs while they are."""
    net = [(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]
    regions.count_regions(net, Box.cube(2, -1.0, 1.0), method="plane")


def _classes(after: Evaluation, seed: int, survey: Survey) -> list[Mapping[str, Any]]:
    """Return the counts of correct predictions per class that `RecallTable.from_frame` reads."""
    data = survey.data
    was = evaluate([survey.dense[seed]], data.test).correct[0]
    now = after.correct[seed]
    rows = []
    for label in range(data.classes):
        mine = data.test.labels == label
        rows.append(
            {
                "class": label,
                "n": int(mine.sum()),
                "correct_dense": int((was & mine).sum()),
                "correct_pruned": int((now & mine).sum()),
                "correct_both": int((was & now & mine).sum()),
            }
        )
    return rows
