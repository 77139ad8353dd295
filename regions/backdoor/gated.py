"""A copy of a network whose hidden units can be silenced one set after another, and watched."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.backdoor.units import HiddenUnits, as_marks
from regions.errors import ArgumentError
from regions.pruning.model.parameters import prunable_modules
from regions.pruning.model.reading import is_module

if TYPE_CHECKING:
    import torch

_AT_ONCE = 1000


class GatedNetwork:
    """A torch module with a gate after each hidden layer, for many evaluations of many sets.

    A shut gate gives a preactivation of 0, hence an activation of 0: exactly what
    `HiddenUnits.masks` does to the function, but without touching a weight.

    What reaches the second layer depends on the removed units only through their gates. So `begin`
    computes it once per batch of inputs, and `finish` does the rest for each set of units; in small
    convolutional networks most of the work is in the first layer. (Models other than
    `torch.nn.Sequential` begin with the inputs themselves.)

    Parameters
    ----------
    model : torch.nn.Module
        A plain chain (see `HiddenUnits.of`); copied, so later changes are not seen.
    input_shape : tuple of int
        (channels, height, width) or (features,).

    Attributes
    ----------
    units : HiddenUnits

    Examples
    --------
    >>> import numpy as np
    >>> from regions.training import build_model
    >>> network = GatedNetwork(build_model("mlp", (4,), 2, hidden=(3,)), (4,))
    >>> begun = network.begin(np.zeros((5, 4), dtype=np.float32))
    >>> network.classes(begun, np.ones(3, dtype=bool)).shape
    (5,)
    """

    def __init__(self, model: torch.nn.Module, input_shape: tuple[int, ...]) -> None:
        if not is_module(model):
            raise ArgumentError(f"expected a torch.nn.Module, got {type(model).__name__}")
        self.units = HiddenUnits.of(model, input_shape)
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._gates: dict[str, torch.Tensor] = {}
        self._seen: dict[str, torch.Tensor] | None = None
        self._head, self._tail = _split(self.model, list(self.units.weights))
        modules = prunable_modules(self.model)
        for name in self.units.widths:
            modules[name].register_forward_hook(self._hook(name))

    def _hook(self, name: str) -> Any:
        def gate(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
            if self._seen is not None:
                self._seen[name] = output.clamp(min=0).unsqueeze(-1).flatten(2).mean(2)
            shut = self._gates.get(name)
            return None if shut is None else output * _spread(shut, output)

        return gate

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits at `inputs` with all units (differentiable in the inputs)."""
        return self.model(inputs)

    def begin(self, inputs: np.ndarray) -> torch.Tensor:
        """Return what `finish` goes on from."""
        import torch

        parts = torch.from_numpy(np.ascontiguousarray(inputs)).split(_AT_ONCE)
        with torch.no_grad():
            return torch.cat([part if self._head is None else self._head(part) for part in parts])

    def finish(self, begun: torch.Tensor, removed: np.ndarray | None = None) -> torch.Tensor:
        """Return the logits without the units marked in `removed` (boolean, one per unit)."""
        import torch

        parts = {} if removed is None else self.units.split(as_marks(removed))
        # layers that keep every unit need no multiplication
        gates = {name: torch.from_numpy(~part) for name, part in parts.items() if part.any()}
        first = gates.pop(next(iter(self.units.widths)), None) if self._head is not None else None
        self._gates = gates
        try:
            with torch.no_grad():
                return torch.cat(
                    [
                        self._tail(part if first is None else part * _spread(first, part))
                        for part in begun.split(_AT_ONCE)
                    ]
                )
        finally:
            self._gates = {}

    def classes(self, begun: torch.Tensor, removed: np.ndarray | None = None) -> np.ndarray:
        """Return the class of the largest logit, without the units marked in `removed`."""
        return self.finish(begun, removed).argmax(1).numpy()

    def activations(self, inputs: np.ndarray) -> np.ndarray:
        """Return each unit's activation at each of `inputs`, (inputs, units).

        Of a channel it is the mean over its positions.
        """
        import torch

        found = []
        try:
            with torch.no_grad():
                for part in torch.from_numpy(np.ascontiguousarray(inputs)).split(_AT_ONCE):
                    self._seen = {}
                    self.model(part)
                    found.append(torch.cat([self._seen[name] for name in self.units.widths], 1))
        finally:
            self._seen = None
        return torch.cat(found).numpy()


def _split(model: torch.nn.Module, layers: list[str]) -> tuple[Any, Any]:
    """Return the parts of a Sequential before and from its second layer, or None and all of it."""
    from torch import nn

    names = [name for name, _ in model.named_children()]
    if not isinstance(model, nn.Sequential) or not set(layers[:2]) <= set(names):
        return None, model
    second = names.index(layers[1])
    return model[:second], model[second:]


def _spread(gate: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return a gate per unit in a shape that multiplies `values`, (samples, units, ...).

    Flattened channels have several values side by side.
    """
    each = values.shape[1] // len(gate)
    return gate.repeat_interleave(each).view(1, -1, *([1] * (values.ndim - 2))).to(values)
