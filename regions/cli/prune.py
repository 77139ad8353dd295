"""`regions prune`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

import regions
from regions.choices import check_name, options_of
from regions.cli.output import Output, give
from regions.cli.words import Model, Shape
from regions.errors import ArgumentError
from regions.networks.load import load_model
from regions.pruning import CRITERIA, METHODS
from regions.results import check_writable
from regions.training import load_data


def prune(
    model: Model,
    density: float | None = None,
    allocation: Path | None = None,
    criterion: str | None = None,
    data: str | None = None,
    images: int = 256,
    scope: Literal["layer", "global"] = "layer",
    prune_output: bool = False,
    repair: bool = False,
    seed: int = 0,
    input_shape: Shape = None,
    output: Annotated[Path, arg(aliases=["-o"])] = Path("masks.npz"),
    json: bool = False,
) -> None:
    """Choose which weights to keep and save them as masks.

    Args:
        density: One density for every prunable layer but the output layer.
        allocation: A file from `regions allocate -o`, instead of a density.
        criterion: How weights are chosen; `regions.prune` lists the criteria (default: what an
            allocation is made for, else magnitude).
        data: For criteria that look at images: a data set for `regions.training.load_data`
            (digits, .npz, a folder); they see one batch of its training images.
        images: Size of that batch, each class in proportion.
        scope: Compare weights within each layer, or all together; snip, grasp and synflow are
            published for all together, the output layer included (--prune-output).
        prune_output: Let --density apply to the output layer too.
        repair: Keep only weights that lie on an input-to-output path, at the same budget.
        seed: Seed of the criterion's random numbers.
        output: Where the masks go (.npz).
        json: Print JSON instead of a text.
    """
    check_writable(output)
    if (density is None) == (allocation is None):
        raise ArgumentError("give either --density or --allocation FILE, and not both")
    budget = density if allocation is None else regions.Allocation.load(allocation)
    masks = regions.prune(
        load_model(model),
        budget,
        criterion,
        repair or None,
        scope=scope,
        prune_output=prune_output,
        input_shape=input_shape,
        rng=seed,
        **batch(criterion, data, images, seed),
    )
    masks.save(output)
    give(masks, Output(json=json))
    paths = masks.effective().summary() if masks.graph is not None else masks.note
    print(f"{paths}\nMasks written to {output}", file=sys.stderr)


def batch(criterion: str | None, data: str | None, images: int, seed: int) -> dict[str, Any]:
    """Return one batch as the options of `regions.prune` that the criterion takes."""
    if data is None:
        return {}
    criterion = "magnitude" if criterion is None else criterion
    known = {**CRITERIA, **METHODS}
    check_name("criterion", criterion, known)
    taken = {"inputs", "labels"}.intersection(options_of(known[criterion]))
    if not taken:
        raise ArgumentError(f"criterion {criterion!r} looks at no data; leave --data out")
    batch = load_data(data).train.sample(images, rng=seed)
    return {name: getattr(batch, name) for name in sorted(taken)}
