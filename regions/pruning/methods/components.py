"""Singular components of a layer's matrix, and what the loss would gain from each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError, UnsupportedModelError
from regions.pruning.criterion import Request
from regions.pruning.model.parameters import prunable_modules
from regions.pruning.model.plain import plain_copy
from regions.pruning.model.reading import is_module

if TYPE_CHECKING:
    import torch

_AT_ONCE = 128


@dataclass(frozen=True, eq=False)
class Components:
    """W = left @ diag(sizes) @ right, the mean input, the bias, and the attributions if asked."""

    shape: tuple[int, ...]
    left: np.ndarray
    sizes: np.ndarray
    right: np.ndarray
    mean_input: np.ndarray
    bias: np.ndarray | None
    largest: np.ndarray
    mean: np.ndarray

    def keep(self, name: str, kept: np.ndarray) -> dict[str, np.ndarray]:
        """Return the parameters of layer `name` with some of its components."""
        if kept.all():
            return {}
        weight = (self.left[:, kept] * self.sizes[kept]) @ self.right[kept]
        found = {f"{name}.weight": weight.reshape(self.shape)}
        if self.bias is not None:
            removed = self.left[:, ~kept] * self.sizes[~kept]
            found[f"{name}.bias"] = self.bias + removed @ (self.right[~kept] @ self.mean_input)
        return found


def layer_components(request: Request, inputs: Any, labels: Any = None) -> dict[str, Components]:
    """Return the components of each layer to prune, with attributions if there are labels.

    See `regions.pruning.methods.spectral`.
    """
    import torch

    if not is_module(request.model):
        raise UnsupportedModelError(
            "spectral pruning runs images through a torch module; the model given is a "
            f"{type(request.model).__name__}"
        )
    model = plain_copy(request.model).double()
    inputs, labels = _images(inputs, labels, model)
    parts = prunable_modules(model)
    modules = {name: parts[name] for name in request.weights}
    for name, module in modules.items():
        _check_kind(name, module)
    factors = {}
    for name, weight in request.weights.items():
        factors[name] = np.linalg.svd(weight.reshape(len(weight), -1), full_matrices=False)
    tallies = {name: _Tally(*factors[name]) for name in modules}
    with torch.set_grad_enabled(labels is not None):
        _run(model, modules, inputs, labels, tallies)
    return {name: tallies[name].components(request, name, modules[name]) for name in modules}


def _images(inputs: Any, labels: Any, model: Any) -> tuple[Any, Any]:
    import torch

    if inputs is None:
        raise ArgumentError("spectral pruning needs inputs: images whose mean goes into the bias")
    first = next(model.parameters())
    inputs = torch.as_tensor(np.asarray(inputs)).to(first)
    if len(inputs) < 2 or not bool(inputs.isfinite().all()):
        raise ArgumentError(
            f"inputs have shape {tuple(inputs.shape)}; expected at least two images of finite "
            "numbers: each is compared with the next, and one alone would score every component 0"
        )
    if labels is None:
        return inputs, None
    labels = torch.as_tensor(np.asarray(labels)).to(first.device)
    if labels.shape != inputs.shape[:1] or labels.is_floating_point():
        raise ArgumentError(
            f"labels have shape {tuple(labels.shape)} and dtype {labels.dtype}; expected one "
            f"integer class for each of {len(inputs)} images"
        )
    return inputs, labels.long()


def _check_kind(name: str, module: Any) -> None:
    from torch.nn import Conv2d, Linear

    plain = isinstance(module, Conv2d) and module.groups == 1 and module.padding_mode == "zeros"
    if not isinstance(module, Linear) and not (plain and not isinstance(module.padding, str)):
        raise UnsupportedModelError(
            f"spectral pruning reads Linear and Conv2d layers (no groups, zero padding in "
            f"numbers); layer {name!r} is {module}"
        )


def _run(model: Any, modules: Any, inputs: Any, labels: Any, tallies: dict[str, _Tally]) -> None:
    """Run every image beside the next one and add up what the layers see."""
    import torch

    before = inputs.roll(1, 0)
    for start in range(0, len(inputs), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        with _watched(modules) as seen:
            loss = _loss(model, inputs[rows], None if labels is None else labels[rows])
            if labels is not None:
                loss.backward()
        if labels is None:
            for name, tally in tallies.items():
                tally.add_inputs(seen[name][0])
            continue
        with _watched(modules) as other, torch.no_grad():
            model(before[rows])
        for name, tally in tallies.items():
            x, output = seen[name]
            tally.add_inputs(x)
            tally.add_effects(_positions(output.grad, modules[name]), other[name][0] - x)


def _loss(model: Any, inputs: Any, labels: Any) -> Any:
    from torch.nn import functional

    try:
        outputs = model(inputs)
        if labels is not None:
            return functional.cross_entropy(outputs, labels, reduction="sum")
    except (RuntimeError, IndexError) as error:
        raise ArgumentError(
            f"the model cannot take inputs of shape {tuple(inputs.shape)} with these labels: "
            f"{error}"
        ) from error
    return outputs


@contextmanager
def _watched(modules: dict[str, Any]) -> Iterator[dict[str, tuple[Any, Any]]]:
    """Collect each module's input, as rows (images, positions, patch), and its output."""
    seen: dict[str, tuple[Any, Any]] = {}

    def hook(name: str) -> Callable:
        def collect(module: Any, inputs: tuple, output: torch.Tensor) -> None:
            if name in seen:
                raise UnsupportedModelError(
                    f"layer {name!r} is used more than once in a pass; spectral pruning scores "
                    "layers that are used once"
                )
            if output.requires_grad:
                output.retain_grad()
            seen[name] = (_patches(inputs[0].detach(), module), output)

        return collect

    handles = [module.register_forward_hook(hook(name)) for name, module in modules.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
    if missing := [name for name in modules if name not in seen]:
        raise UnsupportedModelError(f"the layers {missing} are not used in a pass of the model")


def _patches(x: torch.Tensor, module: Any) -> torch.Tensor:
    from torch.nn import Conv2d, functional

    if not isinstance(module, Conv2d):
        return x.reshape(len(x), -1, x.shape[-1])
    sizes: Any = (module.kernel_size, module.dilation, module.padding, module.stride)
    return functional.unfold(x, *sizes).transpose(1, 2)


def _positions(gradient: torch.Tensor, module: Any) -> torch.Tensor:
    from torch.nn import Conv2d

    if isinstance(module, Conv2d):
        return gradient.flatten(2).transpose(1, 2)
    return gradient.reshape(len(gradient), -1, gradient.shape[-1])


class _Tally:
    """Sums over images and positions for one layer."""

    def __init__(self, left: np.ndarray, sizes: np.ndarray, right: np.ndarray) -> None:
        self.factors = left, sizes, right
        self.total = np.zeros(right.shape[1])
        self.effect = np.zeros(sizes.size)
        self.largest = np.full(sizes.size, -np.inf)
        self.seen = 0

    def add_inputs(self, x: torch.Tensor) -> None:
        self.total += x.sum((0, 1)).numpy(force=True)
        self.seen += x.shape[0] * x.shape[1]

    def add_effects(self, gradient: torch.Tensor, delta: torch.Tensor) -> None:
        left, sizes, right = self.factors
        g, change = (part.flatten(0, 1).numpy(force=True) for part in (gradient, delta))
        effects = (g @ left) * sizes * (change @ right.T)
        self.effect += effects.sum(axis=0)
        self.largest = np.maximum(self.largest, effects.max(axis=0))

    def components(self, request: Request, name: str, module: Any) -> Components:
        if not np.isfinite(self.effect).all():
            raise ArgumentError(f"the loss has no finite gradient at layer {name!r}")
        bias = None if module.bias is None else module.bias.numpy(force=True)
        shape = request.weights[name].shape
        found = self.total / self.seen, bias, self.largest, self.effect / self.seen
        return Components(shape, *self.factors, *found)
