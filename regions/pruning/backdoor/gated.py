"""A copy of a network whose hidden units can be silenced one set after another, and watched."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError
from regions.pruning.backdoor.units import HiddenUnits
from regions.pruning.reading import is_module, prunable_modules

if TYPE_CHECKING:
    import torch

_AT_ONCE = 1000


class GatedNetwork:
    """A torch module with a gate after each hidden layer, for many evaluations of many sets.

    A shut gate gives a preactivation of 0, hence an activation of 0: exactly what
    `HiddenUnits.masks` does to the function, but without touching a weight.

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
    >>> network.predict(np.zeros((5, 4), dtype=np.float32), np.ones(3, dtype=bool)).shape
    (5,)
    """

    def __init__(self, model: torch.nn.Module, input_shape: tuple[int, ...]) -> None:
        if not is_module(model):
            raise ArgumentError(f"expected a torch.nn.Module, got {type(model).__name__}")
        self.units = HiddenUnits.of(model, input_shape)
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self._gates: dict[str, Any] = {}
        self._seen: dict[str, Any] | None = None
        modules = prunable_modules(self.model)
        for name in self.units.widths:
            modules[name].register_forward_hook(self._hook(name))

    def _hook(self, name: str) -> Any:
        def gate(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
            if self._seen is not None:
                self._seen[name] = (
                    output.clamp(min=0).flatten(2).mean(2)
                    if output.ndim > 2
                    else (output.clamp(min=0))
                )
            mask = self._gates.get(name)
            if mask is None:
                return None
            return output * mask.view(1, -1, *([1] * (output.ndim - 2)))

        return gate

    def __call__(self, inputs: torch.Tensor, removed: np.ndarray | None = None) -> torch.Tensor:
        """Return the logits at `inputs` without the units marked in `removed` (differentiable)."""
        import torch

        if removed is not None:
            parts = self.units.split(np.asarray(removed)).items()
            # layers that keep every unit need no multiplication
            self._gates = {
                name: torch.from_numpy(~part).to(inputs) for name, part in parts if part.any()
            }
        try:
            return self.model(inputs)
        finally:
            self._gates = {}

    def predict(self, inputs: np.ndarray, removed: np.ndarray | None = None) -> np.ndarray:
        """Return the class of the largest logit at each of `inputs`."""
        import torch

        with torch.no_grad():
            parts = torch.from_numpy(np.ascontiguousarray(inputs)).split(_AT_ONCE)
            return torch.cat([self(part, removed).argmax(1) for part in parts]).numpy()

    def activations(self, inputs: np.ndarray) -> np.ndarray:
        """Return each unit's activation at each of `inputs`, (inputs, units).

        Of a channel it is the mean over its positions.
        """
        import torch

        found = []
        with torch.no_grad():
            for part in torch.from_numpy(np.ascontiguousarray(inputs)).split(_AT_ONCE):
                self._seen = {}
                self.model(part)
                found.append(torch.cat([self._seen[name] for name in self.units.widths], 1))
        self._seen = None
        return torch.cat(found).numpy()
