"""The curves that make a claim mean something: another seed, no training, shuffled images."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import torch
from torch import nn

from regions.arguments import check_whole
from regions.errors import ArgumentError, UnsupportedModelError
from regions.representations.compare import compare_layers


def compare_curves(
    dense: Any, others: Mapping[str, Any], inputs: Any, **settings: Any
) -> pd.DataFrame:
    """Return the similarity by layer of several networks to one dense network.

    "Pruning changed the representation" is supported where the pruned network's curve falls to
    that of another dense seed, not where it merely leaves 1.

    Parameters
    ----------
    dense
        The network that the others are compared with.
    others
        Name of the curve -> network, such as {"pruned": ..., "another seed": ...,
        "untrained": untrained(dense)}.
    inputs
        Array or tensor, or a loader that gives the same batches again when it is iterated.
    **settings
        As in `compare_layers`.

    Returns
    -------
    pandas.DataFrame
        The frames of `compare_layers` below each other, with a first column `curve`.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from regions.representations import compare_curves, untrained
    >>> dense = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
    >>> inputs = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    >>> others = {"itself": dense, "untrained": untrained(dense)}
    >>> frame = compare_curves(dense, others, inputs, measure="cka")
    >>> frame["curve"].to_list()
    ['itself', 'itself', 'untrained', 'untrained']
    """
    if not isinstance(others, Mapping):
        raise ArgumentError(
            f"others is a {type(others).__name__}; expected a mapping from curve to network, such "
            "as {'another seed': model}"
        )
    if not others:
        raise ArgumentError("others is empty; expected at least one network to compare with")
    if len(others) > 1 and isinstance(inputs, Iterator):
        raise ArgumentError(
            f"inputs is a {type(inputs).__name__}, which gives its batches once, but {len(others)} "
            "networks are compared; give an array, a DataLoader, or list(inputs)"
        )
    frames = []
    for name, model in others.items():
        frame = compare_layers(dense, model, inputs, **settings).to_frame()
        frame.insert(0, "curve", name)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def untrained(model: nn.Module, rng: int = 0) -> nn.Module:
    """Return a copy of a model with fresh random weights, by each module's `reset_parameters`.

    The global random state is left as it was.

    Raises
    ------
    UnsupportedModelError
        If a module holds parameters of its own but cannot reset them.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Linear(3, 2)
    >>> bool((untrained(model, rng=1).weight == model.weight).all())
    False
    """
    seed = check_whole(rng, "rng", least=0)
    if not isinstance(model, nn.Module):
        raise UnsupportedModelError(f"cannot reset a {type(model).__name__}; expected a nn.Module")
    fresh = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**64)
        for name, module in fresh.named_modules():
            if not list(module.parameters(recurse=False)):
                continue
            reset = getattr(module, "reset_parameters", None)
            if reset is None:
                raise UnsupportedModelError(
                    f"module {name!r} ({type(module).__name__}) has parameters but no "
                    "reset_parameters(); build the untrained network yourself"
                )
            reset()
    return fresh
