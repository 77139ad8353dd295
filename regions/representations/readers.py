"""Reading every layer's activations from a model, whatever it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from regions.errors import ArgumentError, UnsupportedModelError
from regions.networks import ReLUNetwork, as_network
from regions.representations.capture import Captured, capture, unwrapped
from regions.representations.settings import Settings

Transform = Callable[[str, torch.Tensor], torch.Tensor]
Read = Callable[[torch.Tensor], Mapping[str, torch.Tensor]]


@contextmanager
def open_reader(model: Any, settings: Settings, transform: Transform) -> Iterator[Read]:
    """Yield a function from a batch of inputs to the activations by layer name.

    A module is hooked. Anything else that `as_network` takes is run as a `ReLUNetwork`, whose
    layers are its ReLU layers (after the ReLU; before it with tap="linear") and "output".
    """
    if isinstance(model, nn.Module):
        model = unwrapped(model)
        tap, select = settings.tap, settings.select
        with capture(
            model, settings.layers, tap=tap, select=select, transform=transform
        ) as captured:
            yield _run_module(model, captured)
        return
    network = model if isinstance(model, ReLUNetwork) else as_network(model)
    yield _run_network(network, settings.layers, settings.tap, transform)


def _run_module(model: nn.Module, captured: Captured) -> Read:
    like = next((p for p in model.parameters() if p.is_floating_point()), None)

    def read(batch: torch.Tensor) -> Mapping[str, torch.Tensor]:
        if batch.dtype in (torch.uint8, torch.bool):
            raise ArgumentError(
                f"inputs are {str(batch.dtype).removeprefix('torch.')}; give the numbers that the "
                "model was trained on, such as inputs.astype('float32') / 255"
            )
        batch = batch.flatten(1) if _takes_flat(model, batch) else batch
        if like is not None:
            kind = like.dtype if batch.is_floating_point() else batch.dtype
            batch = batch.to(device=like.device, dtype=kind)
        with torch.inference_mode():
            model(batch)
        seen = dict(captured)
        captured.clear()
        return seen

    return read


def _takes_flat(model: nn.Module, batch: torch.Tensor) -> bool:
    """Whether the first layer is linear and has one input per number of an image."""
    layers = (m for m in model.modules() if list(m.parameters(recurse=False)))
    first = next(layers, None)
    if batch.ndim <= 2 or not isinstance(first, nn.Linear):
        return False
    return first.in_features == batch[0].numel() != batch.shape[-1]


def _run_network(
    network: ReLUNetwork, layers: str | Sequence[str] | None, tap: str, transform: Transform
) -> Read:
    names = [layer.name for layer in network.relu_layers] + ["output"]
    chosen = _choose(names, layers)
    if tap not in ("output", "relu", "linear"):
        raise UnsupportedModelError(
            f"tap={tap!r} needs a nn.Module; a ReLUNetwork has 'output', 'relu' and 'linear'"
        )

    def read(batch: torch.Tensor) -> Mapping[str, torch.Tensor]:
        found, state = {}, network.start(batch.double().numpy())
        for index, layer in enumerate(network.relu_layers):
            before, state = network.advance(state, index)
            multiplier = network.slopes(index, before > 0)
            state = network.activate(state, index, multiplier)
            values = np.ascontiguousarray(before if tap == "linear" else before * multiplier)
            found[layer.name] = values.reshape(len(values), *layer.shape)
        found["output"], _ = network.advance(state, len(network.relu_layers))
        return {name: transform(name, torch.from_numpy(found[name])) for name in chosen}

    return read


def _choose(names: list[str], layers: str | Sequence[str] | None) -> list[str]:
    if layers is None:
        return names
    if isinstance(layers, str):
        chosen = [name for name in names if re.search(layers, name)]
    else:
        chosen = [name for name in layers if name in names]
    if not chosen or (not isinstance(layers, str) and len(chosen) < len(layers)):
        raise ArgumentError(f"layers are {layers!r}; the network has {', '.join(names)}")
    return chosen
