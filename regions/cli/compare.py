"""`regions compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import torch
from tyro.conf import OmitArgPrefixes, Positional, arg

import regions
from regions.arguments import check_whole
from regions.cli.fields import fields_of, given_fields
from regions.cli.given import read_array
from regions.cli.output import TERMINAL, give
from regions.cli.words import FACTORY, Where, one_of
from regions.errors import ArgumentError
from regions.networks.load import load_model
from regions.representations import MEASURES, Settings
from regions.training import load_data

# layers, images and the seed are options of the command itself
_OWN = ("layers", "max_images", "rng", "progress")
OPTIONS = fields_of({**MEASURES, "every measure": Settings()}, without=_OWN)


def compare(
    dense: Annotated[Positional[str], arg(metavar="DENSE", help=FACTORY)],
    pruned: Annotated[Positional[str], arg(metavar="PRUNED", help="the same for the other model")],
    data: str,
    measure: Annotated[str, one_of(MEASURES)] = "svcca",
    layers: tuple[str, ...] = (),
    images: int = 2000,
    seed: int = 0,
    where: Where = TERMINAL,
    similarity: Annotated[Any, arg(constructor=type(OPTIONS)), OmitArgPrefixes] = OPTIONS,
) -> None:
    """Compare the representations of two models, layer by layer.

    A claim needs references too, another seed and an untrained network: give them as PRUNED, or in
    Python regions.representations.compare_curves all at once.

    Args:
        data: An .npy file of inputs, (samples, ...), as the models take them (whole numbers are
            words where a model has an embedding, otherwise numbers); or a data set for
            `regions.training.load_data` (digits, .npz, a folder), whose test images are used.
        measure: How similar two layers are. Each value is shown with its null, what independent
            layers score: null takes samples (also the positions of an image) as independent of
            each other; images shuffled, for maps and with --permutations, only whole images.
        layers: Names of the layers to compare (default: all that both have).
        images: At most this many inputs, the first ones.
        seed: Seed of the order of the images, the positions and the shuffles.
    """
    where.check()
    inputs = read_array(Path(data)) if data.endswith(".npy") else load_data(data).test.inputs
    models = [module(source) for source in (dense, pruned)]
    found = regions.compare_layers(
        *models,
        _as_taken(inputs[: check_whole(images, "--images")], models),
        measure=measure,
        layers=layers or None,
        rng=check_whole(seed, "--seed", 0),
        progress=sys.stderr.isatty(),
        **given_fields(similarity),
    )
    give(found, where)


def _as_taken(inputs: Any, models: list[torch.nn.Module]) -> Any:
    """Return whole numbers as numbers, unless they are words of an embedding.

    Other inputs are left as they are: `compare_layers` refuses bytes, which are no numbers that a
    model was trained on, and gives fractions the model's own precision.
    """
    words = any(isinstance(m, torch.nn.Embedding) for model in models for m in model.modules())
    whole = inputs.dtype.kind in "iu" and inputs.dtype != "uint8"
    return inputs.astype("int64" if words else "float32") if whole else inputs


def module(source: str) -> Any:
    """Return the torch module of a factory."""
    model = load_model(source)
    if not isinstance(model, torch.nn.Module):
        raise ArgumentError(
            f"{source} holds no torch module, whose layers could be watched; give {FACTORY}"
        )
    return model
