"""Which weights a pruned network starts again from: trained, rewound, or drawn anew.

Examples
--------
>>> from regions.training import STARTS
>>> STARTS
('trained', 'rewind', 'reinit', 'rescaled')
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from regions.choices import check_name
from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning import Masks
from regions.pruning.masks.applying import modules_of
from regions.pruning.model.parameters import is_own_layer, prunable_modules
from regions.pruning.model.plain import plain_copy
from regions.randomness import Rng, torch_generator

Start = Literal["trained", "rewind", "reinit", "rescaled"]
STARTS: tuple[Start, ...] = ("trained", "rewind", "reinit", "rescaled")


def restart(
    model: nn.Module,
    masks: Mapping[str, Any],
    start: Start = "trained",
    *,
    initial: nn.Module | None = None,
    rng: Rng = 0,
) -> nn.Module:
    """Return a new module, in evaluation mode, that has the masks of a network and other weights.

    Parameters
    ----------
    model
        The network that the masks are for; left as it is.
    masks
        `Masks`, or layer name -> boolean array of the weight's shape. The weights outside are
        zero in the result; give the masks to `train` too, which holds them there.
    start
        - "trained": the parameters of `model`, with those that the pruning method set anew
          (`Masks.repaired`).
        - "rewind": the parameters and running statistics of `initial` (Frankle and Carbin, arXiv
          1803.03635, and for an early epoch 1912.05671). An `initial` of another seed is a fresh
          draw from the initialisation of the architecture.
        - "reinit": every weight is drawn from N(0, 2 / n), n the inputs of its unit in the dense
          layer (He et al., arXiv 1502.01852): in a pruned layer signals then shrink.
        - "rescaled": from N(0, 2 / k), k the kept weights of its unit, so that signals keep their
          size at every density (Evci et al., arXiv 2010.03533). With equal `rng` these are the
          weights of "reinit" times sqrt(n / k), unit by unit; a factor 1/sqrt(density) for the
          whole layer is `regions.theory.rescale`.

        A draw sets biases to 0, and normalisation to what it was before training.
    initial
        For "rewind" alone: the same architecture at its start, or after a few epochs
        (``train([start], data, Recipe(epochs=k)).model(0)``).
    rng
        Of "reinit" and "rescaled".

    Raises
    ------
    ArgumentError
        If masks or `initial` do not fit the model, or `initial` is missing or given in vain.
    UnsupportedModelError
        If a part of the model has parameters but no way to draw them anew.

    Examples
    --------
    >>> import regions
    >>> from regions.training import build_model, restart
    >>> first = build_model("mlp", (64,), 10, hidden=(30,))
    >>> masks = regions.prune(first, 0.1, "random")
    >>> sparse = restart(first, masks, "rescaled", rng=1)
    >>> bool(((sparse.fc1.weight != 0).numpy() == masks["fc1"]).all())
    True
    """
    check_name("start", start, STARTS)
    if (initial is None) == (start == "rewind"):
        raise ArgumentError(
            'start="rewind" needs initial=, the network to go back to; the other starts take none'
        )
    masks = masks if isinstance(masks, Masks) else Masks(masks)
    modules_of(masks.shapes, model)
    new = plain_copy(model)
    if initial is not None:
        _copy_state(plain_copy(initial), new)
    if start == "trained":
        return masks.apply(new, how="zeros")
    masks = Masks(masks.arrays)
    if start != "rewind":
        _draw(new, masks, start == "rescaled", torch_generator(rng))
    return masks.apply(new, how="zeros")


def _copy_state(source: nn.Module, target: nn.Module) -> None:
    given, wanted = source.state_dict(), target.state_dict()
    same = list(given) == list(wanted)
    if not same or any(given[name].shape != wanted[name].shape for name in wanted):
        raise ArgumentError(
            "initial has other parameters than the model; give the same architecture at its start"
        )
    target.load_state_dict(copy.deepcopy(given))


def _draw(model: nn.Module, masks: Masks, rescaled: bool, generator: torch.Generator) -> None:
    layers = prunable_modules(model)
    for name, part in model.named_modules():
        if name in layers and not is_own_layer(part):
            _draw_layer(part, masks.get(name) if rescaled else None, generator)
        elif isinstance(part, nn.modules.batchnorm._NormBase):
            part.reset_parameters()
        elif list(part.parameters(recurse=False)):
            raise UnsupportedModelError(
                f"{name!r} ({type(part).__name__}) has parameters, but only Linear, Conv and "
                "batch or instance normalisation can be drawn anew; rewind to another seed's model"
            )


def _draw_layer(part: Any, mask: np.ndarray | None, generator: torch.Generator) -> None:
    weight: Tensor = part.weight
    dense = torch.ones(weight.shape, dtype=torch.bool)
    inputs = (dense if mask is None else torch.from_numpy(mask.copy())).flatten(1).sum(1)
    # a unit without weights has nothing to scale
    sizes = (2.0 / inputs.clamp(min=1).double()).sqrt()
    with torch.no_grad():
        noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        weight.copy_(noise * sizes.view(-1, *[1] * (weight.ndim - 1)))
        if part.bias is not None:
            part.bias.zero_()
