"""Tangent kernel of any module by torch.func."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap
from torch.nn.utils import parametrize

from regions.errors import ArgumentError, UnsupportedModelError
from regions.progress import track
from regions.pruning.model.parameters import is_masked
from regions.theory.perceptron_ntk import Factor

_BLOCK_NUMBERS = 2**24  # of one block of Jacobians: 128 MiB


def module_ntk(
    model: nn.Module,
    x: np.ndarray,
    y: np.ndarray,
    factors: Mapping[str, Factor],
    progress: bool = False,
) -> np.ndarray:
    """Return the kernel of points `x` and `y` (the same array: symmetric), summed over outputs."""
    if x.shape[1:] != y.shape[1:]:
        raise ArgumentError(
            f"x has points of shape {x.shape[1:]}, but y of {y.shape[1:]}; give equal shapes"
        )
    jacobian = _Jacobian(model, factors)
    rows = max(1, _BLOCK_NUMBERS // (jacobian.outputs(x[:1]) * jacobian.size))
    kernel = np.zeros((len(x), len(y)))
    for i in track(range(0, len(x), rows), show=progress, label="blocks of the kernel"):
        of_x = jacobian(x[i : i + rows])
        for j in range(i if y is x else 0, len(y), rows):
            of_y = of_x if y is x and i == j else jacobian(y[j : j + rows])
            block = (of_x @ of_y.T).numpy()
            kernel[i : i + rows, j : j + rows] = block
            if y is x:
                kernel[j : j + rows, i : i + rows] = block.T
    return kernel


class _Jacobian:
    """Gradients of all outputs by all parameters, of a float64 twin in eval mode."""

    def __init__(self, model: nn.Module, factors: Mapping[str, Factor]):
        self.twin = _double_twin(model)
        kind = type(model).__name__
        # of the model itself: its copy may hold a shared parameter twice
        named = dict(model.named_parameters(remove_duplicate=False))
        first: dict[int, str] = {}
        self.owner = {name: first.setdefault(id(value), name) for name, value in named.items()}
        values = {n: p.detach() for n, p in self.twin.named_parameters(remove_duplicate=False)}
        owners = set(self.owner.values())
        self.parameters = {n: values[n] for n in owners if named[n].requires_grad}
        self.frozen = {n: values[n] for n in owners if not named[n].requires_grad}
        if not self.parameters:
            what = "trains none of its" if self.frozen else "has no"
            raise ArgumentError(f"{kind} {what} parameters, so it has no kernel")
        self.buffers = dict(self.twin.named_buffers())
        self.factors = {
            _parameter_of(name, model): scale * torch.from_numpy(1.0 * mask)
            if mask is not None
            else torch.tensor(scale, dtype=torch.float64)
            for name, (scale, mask) in factors.items()
            if mask is not None or scale != 1.0
        }
        self.size = sum(prod(p.shape) for p in self.parameters.values())

    def outputs(self, points: np.ndarray) -> int:
        """Return the number of outputs per point, from one plain call."""
        kind = type(self.twin).__name__
        try:
            with torch.no_grad():
                out = self._call(self.parameters, torch.from_numpy(points[0]))
        except RuntimeError as error:
            raise ArgumentError(
                f"{kind} cannot be run on a point of shape {points.shape[1:]}: {error}; give "
                "points of shape (rows, *input shape)"
            ) from error
        if not isinstance(out, Tensor):
            raise UnsupportedModelError(
                f"{kind} returns a {type(out).__name__}; wrap it in a module that returns a tensor"
            )
        return out.numel()

    def __call__(self, points: np.ndarray) -> Tensor:
        """Return one row per point: its gradients by every parameter, output after output."""
        try:
            parts = vmap(jacrev(self._run), (None, 0))(self.parameters, torch.from_numpy(points))
        except RuntimeError as error:
            raise UnsupportedModelError(
                f"torch.func cannot differentiate {type(self.twin).__name__}: {error}"
            ) from error
        return torch.cat([part.flatten(1) for part in parts.values()], dim=1)

    def _run(self, parameters: dict[str, Tensor], point: Tensor) -> Tensor:
        return self._call(parameters, point).reshape(-1)

    def _call(self, parameters: dict[str, Tensor], point: Tensor) -> Any:
        # masked inside, so that the gradient is restricted to kept weights and carries the scale
        known = {**self.frozen, **parameters}
        used = {name: known[owner] for name, owner in self.owner.items()}
        changed = {name: used[name] * factor for name, factor in self.factors.items()}
        values = {**used, **changed, **self.buffers}
        return functional_call(self.twin, values, (point[None],), tie_weights=False)


def _double_twin(model: nn.Module) -> nn.Module:
    memo = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:  # made by pruning hooks
                memo[id(value)] = value.detach().clone()
    return copy.deepcopy(model, memo).to("cpu", torch.float64).eval()


def _parameter_of(name: str, model: nn.Module) -> str:
    """Return the name of the parameter whose multiples are those of a layer's weight."""
    part: Any = model.get_submodule(name)
    if is_masked(part):
        return f"{name}.weight_orig"
    if "weight" in part._parameters:
        return f"{name}.weight"
    original = f"{name}.parametrizations.weight.original"
    if parametrize.is_parametrized(part, "weight") and _scales(part.parametrizations.weight):
        return original
    raise UnsupportedModelError(
        f"the weight of layer {name!r} is computed from its parameters, not entry by entry; it "
        "cannot be masked or scaled"
    )


def _scales(parametrization: Any) -> bool:
    """Tell whether a parametrization multiplies each entry by a number of its own."""
    if "original" not in parametrization._parameters:
        return False
    given = parametrization.original.detach()
    odd = 1.0 + torch.arange(given.numel(), dtype=given.dtype).reshape(given.shape) % 7
    with torch.no_grad():
        whole, scaled = given, given * odd
        for step in parametrization:
            whole, scaled = step(whole), step(scaled)
    return bool(torch.allclose(whole * odd, scaled, rtol=1e-4, atol=0.0))
