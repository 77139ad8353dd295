"""Activations of named modules by forward hooks, copied before anything can overwrite them."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.ao.quantization import FakeQuantizeBase, ObserverBase

from regions.arguments import check_whole
from regions.choices import check_name, meant
from regions.errors import ArgumentError, UnsupportedModelError
from regions.networks.twin import uncompiled
from regions.representations.layout import Layout
from regions.representations.maps import MODES, choose_positions, map_rows

# tap: the modules it looks at when `layers` does not name them
_TAPS: dict[str, tuple[type[nn.Module], ...]] = {
    "linear": (nn.Linear, nn.modules.conv._ConvNd, nn.Bilinear),
    "norm": (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm),
    "relu": (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh),
}
TAPS = ("output", "input", "block", *_TAPS)
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_PASSIVE = (nn.Identity, nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd)

_QUANTISERS = (FakeQuantizeBase, ObserverBase)  # what they give is a weight, or given once more

Select = Callable[[str, Any], torch.Tensor]
Transform = Callable[[str, torch.Tensor], torch.Tensor]


class Captured(Mapping[str, torch.Tensor]):
    """The activations of the latest forward pass, by module name, in the order of execution.

    A module that ran several times appears as ``name#0``, ``name#1``, ...

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> with capture(model, ["0"]) as captured:
    ...     _ = model(torch.zeros(5, 2))
    >>> list(captured), tuple(captured["0"].shape)
    (['0'], (5, 3))
    """

    def __init__(self) -> None:
        self._calls: dict[str, list[torch.Tensor]] = {}

    def __getitem__(self, name: str) -> torch.Tensor:
        found = self._named()
        if name not in found:
            seen = ", ".join(found) or "nothing: has the model run inside the block?"
            raise KeyError(f"{name!r} was not captured; captured: {seen}")
        return found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._named())

    def __len__(self) -> int:
        return len(self._named())

    def _named(self) -> dict[str, torch.Tensor]:
        return {
            name if len(calls) == 1 else f"{name}#{index}": tensor
            for name, calls in self._calls.items()
            for index, tensor in enumerate(calls)
        }

    def _add(self, name: str, tensor: torch.Tensor) -> None:
        self._calls.setdefault(name, []).append(tensor)

    def clear(self) -> None:
        """Forget everything, to free the memory."""
        self._calls.clear()


@contextmanager
def capture(
    model: nn.Module,
    layers: str | Sequence[str] | None = None,
    *,
    tap: str = "output",
    mode: str | None = None,
    max_positions: int | None = None,
    select: Select | None = None,
    transform: Transform | None = None,
    rng: int = 0,
) -> Iterator[Captured]:
    """Record what modules compute while `model` runs inside the ``with`` block.

    The model is in evaluation mode inside the block. Hooks are removed and the training flags
    of every module are restored when it ends, also after an exception. Nothing is traced, so
    that any model works; results of functions (``F.relu``) are no modules and show up as the
    input of the next one (``tap="input"``).

    Parameters
    ----------
    model
        Any module.
    layers
        Names as in ``named_modules()``, or the modules; a regular expression that is searched in
        them; or None: all leaf modules that compute something, and blocks such as residual units
        (their output is the sum).
    tap
        "output" or "input" of the modules; or only one kind of module: "linear" (linear and
        convolutional layers: before batch norm), "norm" (after it), "relu" (after the
        activation), "block" (composite modules).
    mode
        None keeps the tensors as they are; otherwise as in `map_rows`, with the images first and
        the neurons where the modules have them: channels of a one-dimensional convolution,
        features of a recurrent layer, also one whose output is (time, images, features).
    max_positions
        With mode "spatial": keep this many random positions, the same at equal resolution.
    select
        ``select(name, output)`` returns the tensor of an output that is no tensor; by default
        the first tensor of a tuple, list or mapping. A tensor that it makes itself has the images
        first.
    transform
        ``transform(name, tensor)`` is applied to every recorded tensor inside the hook.
    rng
        Seed of the choice of positions.

    Yields
    ------
    Captured
        Mapping from name to a copy of the activations of the latest forward pass.

    Raises
    ------
    ArgumentError
        If a name does not exist or nothing matches.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Linear(3, 1))
    >>> with capture(model) as seen:
    ...     _ = model(torch.zeros(5, 2))
    >>> {name: tuple(tensor.shape) for name, tensor in seen.items()}
    {'0': (5, 3), '1': (5, 3), '2': (5, 1)}
    """
    _check(layers, mode, max_positions, select, transform, rng)
    model, captured = unwrapped(model), Captured()
    reduce = transform or _reduction(mode, max_positions, rng)
    modules = find_modules(model, layers, tap)
    flags = {module: module.training for module in model.modules()}
    recorder = _Recorder(captured, tap, reduce, select or first_tensor)
    handles = [model.register_forward_pre_hook(lambda *_: recorder.restart())]
    try:
        for module in flags:
            handles.append(module.register_forward_pre_hook(recorder.enter))
        for name, module in modules.items():
            handles.append(recorder.hook(module, name))
        model.eval()
        with _observers_kept(model):
            yield captured
    finally:
        for handle in handles:
            handle.remove()
        for module, flag in flags.items():
            module.training = flag


def _check(
    layers: Any, mode: Any, max_positions: Any, select: Any, transform: Any, rng: Any
) -> None:
    check_layers(layers)
    if mode is not None:
        check_name("mode", mode, MODES)
    if max_positions is not None:
        check_whole(max_positions, "max_positions")
    check_whole(rng, "rng", least=0)
    for name, function in (("select", select), ("transform", transform)):
        if not (function is None or callable(function)):
            raise ArgumentError(f"{name} is {function!r}; expected a function, or None")


def check_layers(layers: Any) -> None:
    """Raise ArgumentError unless `layers` is None, a pattern, or a list of names or modules."""
    if layers is None or isinstance(layers, nn.Module):
        return
    if isinstance(layers, str):
        try:
            re.compile(layers)
        except re.error as error:
            raise ArgumentError(
                f"layers is {layers!r}, which is no regular expression: {error}; give a list for "
                "names as they are"
            ) from error
    elif (
        not isinstance(layers, Sequence)
        or not layers
        or not all(isinstance(one, (str, nn.Module)) for one in layers)
    ):
        raise ArgumentError(
            f"layers is {layers!r}; expected None, a regular expression, or a list of names or "
            "modules"
        )


@contextmanager
def _observers_kept(model: nn.Module) -> Iterator[None]:
    """Put back what the fake quantisers of a quantisation-aware model have seen meanwhile."""
    quantisers = [module for module in model.modules() if isinstance(module, _QUANTISERS)]
    before = [copy.deepcopy(module.state_dict()) for module in quantisers]
    try:
        yield
    finally:
        for module, state in zip(quantisers, before, strict=True):
            module.load_state_dict(state)


def unwrapped(model: Any) -> Any:
    """Return the module inside DataParallel and torch.compile, which has the usual names.

    Raises
    ------
    UnsupportedModelError
        For models whose modules do not run in Python, or that hold no numbers.
    """
    while isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        model = model.module
    if not isinstance(model, nn.Module):
        raise UnsupportedModelError(f"cannot hook a {type(model).__name__}; expected a nn.Module")
    inner = uncompiled(model)
    if inner is not model:
        return unwrapped(inner)
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise UnsupportedModelError(
            "the model is scripted or traced by torch.jit, so that its modules cannot be watched; "
            "pass the module that it was made from"
        )
    for name, parameter in model.named_parameters():
        if nn.parameter.is_lazy(parameter):
            raise UnsupportedModelError(
                f"parameter {name!r} is not initialised; run the lazy module once on an input"
            )
        if parameter.is_meta:
            raise UnsupportedModelError(
                f"parameter {name!r} is on the meta device and has no values; load the weights"
            )
    return model


def names_of(models: Sequence[Any], layers: Any) -> Any:
    """Return `layers` with modules of one of the models in place of their names named."""
    chosen = [layers] if isinstance(layers, nn.Module) else layers
    if chosen is None or isinstance(chosen, str):
        return chosen
    known = {
        module: name
        for model in models
        if isinstance(model, nn.Module)
        for name, module in unwrapped(model).named_modules()
    }
    strange = [one for one in chosen if isinstance(one, nn.Module) and one not in known]
    if strange:
        raise ArgumentError(
            f"layers has a {type(strange[0]).__name__} that is no module of the model; give names "
            f"as in named_modules() or modules of the model, which has {', '.join(known.values())}"
        )
    return [known[one] if isinstance(one, nn.Module) else one for one in chosen]


def find_modules(
    model: nn.Module, layers: str | Sequence[str] | None, tap: str
) -> dict[str, nn.Module]:
    """Return the modules that `layers` and `tap` choose, by name."""
    check_name("tap", tap, TAPS)
    layers = names_of([model], layers)
    everything = {
        name: module
        for name, module in model.named_modules()
        if "parametrizations" not in name and not isinstance(module, _QUANTISERS)
    }
    if layers is None:
        return _nonempty({k: m for k, m in everything.items() if k and _fits(m, tap)}, tap, model)
    if isinstance(layers, str):
        pattern = re.compile(layers)
        fits = {k: m for k, m in everything.items() if pattern.search(k) and _fits(m, tap)}
        return _nonempty(fits, f"{tap} with names like {layers!r}", model)
    unknown = [name for name in layers if name not in everything]
    if unknown:
        known = [name for name in everything if name]
        raise ArgumentError(
            f"no module is called {', '.join(unknown)}; the model has {', '.join(known)}"
            f"{meant(unknown, known)}"
        )
    return {name: everything[name] for name in layers}


def _fits(module: nn.Module, tap: str) -> bool:
    if tap in _TAPS:
        return isinstance(module, _TAPS[tap])
    if isinstance(module, (*_CONTAINERS, *_PASSIVE)):
        return False
    children = [name for name, _ in module.named_children() if name != "parametrizations"]
    return bool(children) if tap == "block" else True


def _nonempty(found: dict[str, nn.Module], what: str, model: nn.Module) -> dict[str, nn.Module]:
    if not found:
        parts = [f"{k} ({type(m).__name__})" for k, m in model.named_modules() if k]
        has = ", ".join(parts) or "no modules of its own: wrap it in nn.Sequential"
        raise ArgumentError(
            f"no module fits tap {what} in this {type(model).__name__}; it has {has}"
        )
    return found


class _Recorder:
    """Keeps what modules take or give, and follows how the activations are laid out."""

    def __init__(
        self, captured: Captured, tap: str, reduce: Transform | None, select: Select
    ) -> None:
        self.captured, self.tap, self.reduce, self.select = captured, tap, reduce, select
        self.layout = Layout()

    def restart(self) -> None:
        self.captured.clear()
        self.layout = Layout()

    def enter(self, module: nn.Module, args: tuple) -> None:
        self.layout = self.layout.after(module, args[0] if args else None)

    def hook(self, module: nn.Module, name: str) -> Any:
        if self.tap == "input":

            def before(_: nn.Module, args: tuple, kwargs: dict) -> None:
                self.keep(module, name, args if args else kwargs)

            return module.register_forward_pre_hook(before, with_kwargs=True)
        return module.register_forward_hook(lambda _, __, output: self.keep(module, name, output))

    def keep(self, module: nn.Module, name: str, value: Any) -> None:
        selected = self.select(name, value)
        tensor = selected.detach()
        reduced = tensor.dequantize() if tensor.is_quantized else tensor
        if self.reduce is not None:
            # what `select` made itself has the images first already
            layout = self.layout if _holds(value, selected) else Layout()
            reduced = self.reduce(name, layout.by_image(name, module, reduced))
        # a view of the tensor would change with it: ReLU may run in place on this memory
        shared = reduced.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
        self.captured._add(name, reduced.clone() if shared else reduced)


def _holds(value: Any, tensor: torch.Tensor) -> bool:
    """Whether `value` is this very tensor, or holds it."""
    items = value.values() if isinstance(value, Mapping) else value
    if isinstance(value, (tuple, list, Mapping)):
        return any(_holds(item, tensor) for item in items)
    return value is tensor


def first_tensor(name: str, value: Any) -> torch.Tensor:
    """Return `value`, or the first tensor in a tuple, list or mapping of values."""
    if isinstance(value, torch.Tensor):
        return value
    items = value.values() if isinstance(value, Mapping) else value
    if isinstance(value, (tuple, list, Mapping)):
        for item in items:
            if isinstance(item, (torch.Tensor, tuple, list, Mapping)):
                return first_tensor(name, item)
    raise ArgumentError(
        f"module {name!r} gives a {type(value).__name__} without a tensor; "
        "pass select=lambda name, output: ... to pick one"
    )


def _reduction(mode: str | None, max_positions: int | None, rng: int) -> Transform | None:
    if mode is None:
        return None

    def reduce(_: str, tensor: torch.Tensor) -> torch.Tensor:
        count = tensor[0, 0].numel() if tensor.ndim == 4 else 1
        positions = choose_positions(count, max_positions, rng)
        return map_rows(tensor, mode, positions=positions)

    return reduce
