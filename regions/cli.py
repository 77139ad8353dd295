"""The `regions` command: the package's verbs on files, for people and for programs (`--json`)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, arg

from regions.errors import ArgumentError, RegionsError
from regions.given import (
    FACTORY,
    batch,
    domain,
    module,
    network,
    numbers,
    read_array,
    widths_or_network,
)
from regions.output import TERMINAL, Output, drop_unprinted, give
from regions.results import check_writable
from regions.workers import Workers

_MODEL = (
    "FILE.onnx, FILE.pt2 (torch.export), FILE.npz (arrays NAME.weight and NAME.bias), or " + FACTORY
)
_ARCHITECTURE = (
    "a standard model, such as mlp, lenet5 or resnet20 (`regions.training.MODELS`), or " + FACTORY
)
INTERRUPTED = 130  # what shells give after Ctrl-C
Model = Annotated[Positional[str], arg(metavar="MODEL", help=_MODEL)]
ModelOrWidths = Annotated[
    Positional[str], arg(metavar="MODEL", help=f"widths such as 784,100,100,10, or {_MODEL}")
]
Shape = Annotated[
    tuple[int, ...] | None, arg(help="shape of one input, such as 1 28 28, if the model needs it")
]


Where = OmitArgPrefixes[Output]
ONE_WORKER = Workers()


def bound(
    model: ModelOrWidths,
    kind: Literal[
        "trivial",
        "naive",
        "montufar",
        "serra",
        "expected",
        "rank",
        "rows",
        "live",
        "effective",
        "activation",
    ] = "serra",
    density: tuple[float, ...] = (),
    masks: Path | None = None,
    dim: int | None = None,
    input_shape: Shape = None,
    where: Where = TERMINAL,
) -> None:
    """Bound the number of linear regions that a network can have.

    Args:
        kind: Which theorem; `regions.upper_bound` describes each.
        density: For kind expected: one density, or one per layer.
        masks: File of masks (from `regions prune`), for the kinds that look at one mask.
        dim: Dimension of an affine subspace of inputs (default: all inputs).
    """
    import regions

    where.check()
    found = regions.upper_bound(
        widths_or_network(model, input_shape),
        kind,
        density=(density[0] if len(density) == 1 else density) if density else None,
        masks=None if masks is None else regions.Masks.load(masks),
        dim=dim,
    )
    give(found, where)


def count(
    model: Model,
    box: tuple[float, float] | None = None,
    points: Path | None = None,
    within: tuple[float, float] | None = None,
    method: Literal[
        "auto", "line", "plane", "cells", "vertices", "milp", "sample", "estimate", "parity"
    ] = "auto",
    kind: Literal["activation", "linear"] = "activation",
    time_limit: float | None = None,
    n_jobs: int | None = None,
    require_exact: bool = False,
    input_shape: Shape = None,
    where: Where = TERMINAL,
) -> int:
    """Count the linear regions of a network on a box, a slice, or its whole input space.

    Args:
        box: Count on the cube LOW HIGH (the same for every input).
        points: An .npy file of S + 1 inputs, (S + 1, n0): count on the flat through them; two
            points give the segment between them.
        within: With points: the part of the whole flat inside the cube LOW HIGH.
        method: Which engine; auto picks one that is exact.
        kind: Regions of one activation pattern, or merged pieces of one affine map.
        time_limit: Seconds after which what is known is returned.
        n_jobs: Workers.
        require_exact: Exit with status 3 if the count is not exact.
    """
    import regions

    where.check()
    net = network(model, input_shape)
    found = regions.count_regions(
        net,
        domain(net.input_size, box, points, within),
        method=method,
        kind=kind,
        time_limit=time_limit,
        n_jobs=n_jobs,
        progress=sys.stderr.isatty(),
    )
    give(found, where)
    if found.details.get("stopped_by") == "interrupt":
        return INTERRUPTED
    return 3 if require_exact and found.status is not regions.Status.EXACT else 0


def allocate(
    model: ModelOrWidths,
    density: Annotated[Positional[float], arg(help="fraction of the prunable weights to keep")],
    objective: str | None = None,
    skip: tuple[str, ...] = (),
    prune_output: bool = False,
    seed: int = 0,
    input_shape: Shape = None,
    where: Where = TERMINAL,
) -> None:
    """Choose the density of each layer at a fixed total.

    Args:
        objective: What to maximise, or a baseline; `regions.allocate` lists them (default: the
            best known for what is given).
        skip: Layers to leave dense and outside the budget.
        prune_output: Let the budget cover the output layer too.
        seed: Seed of the random masks behind some objectives.
    """
    import regions

    where.check()
    options: dict[str, Any] = {} if objective is None else {"objective": objective}
    target = widths_or_network(model, input_shape)
    give(
        regions.allocate(
            target, density, skip=skip, prune_output=prune_output, rng=seed, **options
        ),
        where,
    )


def prune(
    model: Model,
    density: float | None = None,
    allocation: Path | None = None,
    criterion: str = "magnitude",
    data: str | None = None,
    images: int = 256,
    scope: Literal["layer", "global"] = "layer",
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
        criterion: How weights are scored; `regions.prune` lists the criteria.
        data: For criteria that look at images: a data set for `regions.training.load_data`
            (digits, .npz, a folder); they see one batch of its training images.
        images: Size of that batch, each class in proportion.
        scope: Compare weights within each layer, or all together.
        repair: Keep only weights that lie on an input-to-output path, at the same budget.
        seed: Seed of the criterion's random numbers.
        output: Where the masks go (.npz).
        json: Print JSON instead of a text.
    """
    import regions
    from regions.networks.load import load_model

    check_writable(output)
    if (density is None) == (allocation is None):
        raise ArgumentError("give either --density or --allocation FILE, and not both")
    budget = density if allocation is None else regions.Allocation.load(allocation)
    masks = regions.prune(
        load_model(model),
        budget,
        criterion,
        repair,
        scope=scope,
        input_shape=input_shape,
        rng=seed,
        **batch(criterion, data, images, seed),
    )
    masks.save(output)
    give(masks, Output(json=json))
    paths = masks.effective().summary() if masks.graph is not None else masks.note
    print(f"{paths}\nMasks written to {output}", file=sys.stderr)


def compare(
    dense: Annotated[Positional[str], arg(metavar="DENSE", help=FACTORY)],
    pruned: Annotated[Positional[str], arg(metavar="PRUNED", help="the same for the other model")],
    data: str,
    measure: Literal["svcca", "cca", "pwcca", "cka", "procrustes"] = "svcca",
    layers: tuple[str, ...] = (),
    images: int = 2000,
    where: Where = TERMINAL,
) -> None:
    """Compare the representations of two models, layer by layer.

    Args:
        data: An .npy file of inputs, (samples, ...), as the models take them; or a data set for
            `regions.training.load_data` (digits, .npz, a folder), whose test images are used.
        measure: How similar two layers are.
        layers: Names of the layers to compare (default: all that both have).
        images: At most this many inputs, the first ones.
    """
    import regions
    from regions.training import load_data

    where.check()
    inputs = read_array(Path(data)) if data.endswith(".npy") else load_data(data).test.inputs
    models = [module(source) for source in (dense, pruned)]
    found = regions.compare_layers(
        *models,
        inputs[:images].astype("float32"),
        measure=measure,
        layers=layers or None,
        progress=sys.stderr.isatty(),
    )
    give(found, where)


def recall(
    table: Annotated[Positional[Path], arg(metavar="FILE.csv", help="a tidy table of recalls")],
    analyses: tuple[Literal["published", "corrected"], ...] = ("published", "corrected"),
    estimator: Literal["moments", "ols", "split_half", "cross_model"] = "moments",
    null: Literal["one", "logit_shift", "proportional", "additive", "flips", "control"] = "one",
    correction: Literal["holm", "bonferroni", "bh", "none"] = "holm",
    seed: int = 0,
    where: Where = TERMINAL,
) -> None:
    """Test whether pruning hurts classes of low recall more (recall intensification).

    The columns of the table are those of `regions.RecallTable.from_frame`.

    Args:
        analyses: The test as published, and the one corrected for measurement noise.
        estimator: Of the corrected analysis.
        null: What no intensification means, in the corrected analysis.
        correction: Of its p-values over the ratios.
        seed: Seed of its random splits.
    """
    from regions.recall import report

    where.check()
    options = {"estimator": estimator, "null": null, "correction": correction}
    give(report(table, analyses=analyses, rng=seed, **options), where)


def atlas(
    model: Annotated[Positional[str], arg(metavar="MODEL", help=_ARCHITECTURE)],
    data: str = "digits",
    densities: str = ".5,.2,.05",
    methods: str = "magnitude,random",
    seeds: int = 5,
    epochs: int = 30,
    planes: int = 3,
    lines: int = 10,
    workers: OmitArgPrefixes[Workers] = ONE_WORKER,
    output: Annotated[Path, arg(aliases=["-o"])] = Path("out/atlas"),
    json: bool = False,
) -> None:
    """Measure what pruning does to a network, by every instrument, and show it on one page.

    Without weights, several networks of the architecture are trained first. Run again to resume.

    Args:
        data: digits, or a data set for `regions.training.load_data` (.npz, a folder).
        densities: Fractions of the hidden layers' weights to keep.
        methods: Criteria of `regions.prune`, with +repair or +global after their names.
        seeds: Networks per method and density.
        epochs: Of training before pruning, and again after it.
        planes: Planes through test images on which regions are counted.
        lines: Segments between classes on which regions are counted.
        output: Folder of the page, the tables, the figures and the finished tasks.
        json: Print JSON instead of a text.
    """
    from regions.atlas import Settings, survey
    from regions.training import Recipe

    recipe = Recipe(epochs=epochs)
    settings = Settings(
        densities=numbers(densities),
        methods=tuple(methods.split(",")),
        seeds=seeds,
        planes=planes,
        lines=lines,
        dense=recipe,
        fine=recipe,
    )
    with workers.active():
        found = survey(model, data, output, settings, n_jobs=workers.n_jobs, progress=True)
    paths = found.save(output)
    give(found, Output(json=json))
    print(f"page: {paths['page']}", file=sys.stderr)


def demo(
    output: Annotated[Path, arg(aliases=["-o"])] = Path("out/demo"),
    data: str = "digits",
    seeds: int = 16,
    workers: OmitArgPrefixes[Workers] = ONE_WORKER,
) -> None:
    """Show on small networks what pruning does, and which layer densities are best.

    Args:
        output: Folder of the page, the tables, the figures and the finished tasks; run again to
            resume.
        data: digits, or the path of a data set.
        seeds: Networks per setting.
    """
    from regions.atlas import Settings
    from regions.atlas.demo import run_demo
    from regions.atlas.study import Study

    settings = Settings(densities=(0.2, 0.05, 0.01), seeds=seeds)
    study = Study(data=data, seeds=seeds)
    with workers.active():
        paths = run_demo(output, settings, study, n_jobs=workers.n_jobs, progress=True)
    print(f"\npage: {paths['page']}")


COMMANDS = {
    "count": count,
    "bound": bound,
    "allocate": allocate,
    "prune": prune,
    "compare": compare,
    "recall": recall,
    "atlas": atlas,
    "demo": demo,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status.

    0 done, 1 error, 2 usage, 3 not exact, 130 interrupted.
    """
    try:
        status = tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="regions",
            description="Linear regions, representations and recall of pruned neural networks.",
            args=arguments,
            config=(FlagCreatePairsOff,),
        )
        sys.stdout.flush()
    except RegionsError as error:
        print(f"regions: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("regions: interrupted; finished tasks are kept", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:  # of a terminal, a pipe or a file that takes nothing
        drop_unprinted(sys.stdout)
        print(f"regions: cannot print the result: {error.strerror or error}", file=sys.stderr)
        return 1
    return status or 0


if __name__ == "__main__":
    sys.exit(main())
