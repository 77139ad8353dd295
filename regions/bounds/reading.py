"""Arguments of `upper_bound`: widths or a network, with masks or densities, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arguments import check_whole, is_whole
from regions.bounds.recursion import Step
from regions.bounds.serra import serra_steps
from regions.bounds.supports import Supports, dense_steps, supports_of_masks, supports_of_network
from regions.choices import meant
from regions.density import check_density
from regions.errors import ArgumentError

if TYPE_CHECKING:
    from regions.networks import ReLUNetwork


@dataclass(frozen=True)
class Architecture:
    """What is bounded: widths alone or a network, with the masks that were given."""

    widths: tuple[int, ...]
    net: ReLUNetwork | None = None
    masks: tuple[np.ndarray, ...] | None = None

    def supports(self) -> Supports:
        """Return the supports of all ReLU layers, full where there are no masks.

        Those of a network come with the ranks of its weights.
        """
        if self.net is not None:
            return supports_of_network(self.net, ranks=True)
        shapes = zip(self.widths[1:], self.widths[:-1], strict=True)
        return supports_of_masks(self.masks or [np.ones(shape, dtype=bool) for shape in shapes])

    def steps(self) -> list[Step]:
        """Return the recursion's steps of layers with all their weights."""
        if self.net is not None:
            return dense_steps(self.net)
        return serra_steps(self.widths)


def read_architecture(widths_or_net: Any, masks: Any = None) -> Architecture:
    """Return the architecture, with a network's masks applied to its weights."""
    if _is_widths(widths_or_net):
        widths = read_widths(widths_or_net)
        return Architecture(widths, masks=None if masks is None else _read_masks(masks, widths))
    from regions.networks import as_network

    net = as_network(widths_or_net)
    if masks is not None:
        net = net.masked(_named_masks(masks, net))
    return Architecture(net.widths[:-1], net=net)


def _is_widths(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return True
    return isinstance(value, (list, tuple)) and all(isinstance(item, Real) for item in value)


def read_widths(widths: Any) -> tuple[int, ...]:
    """Return [n0, n1, ..., nL] as a tuple of positive integers."""
    if not isinstance(widths, (Sequence, np.ndarray)) or isinstance(widths, str):
        raise ArgumentError(f"widths must be a list [n0, n1, ..., nL], got {widths!r}.")
    if len(widths) < 2 or np.ndim(widths) != 1:
        raise ArgumentError(
            f"widths must list the input size and at least one layer, got {widths!r}."
        )
    return tuple(check_whole(width, f"widths[{i}]") for i, width in enumerate(widths))


def _read_masks(masks: Any, widths: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    items = _listed(masks)
    if len(items) != len(widths) - 1:
        raise ArgumentError(
            f"widths {list(widths)} need {len(widths) - 1} masks, one for each layer after the "
            f"input, got {len(items)}."
        )
    shapes = zip(widths[1:], widths[:-1], strict=True)
    return tuple(
        read_mask(mask, f"the mask of layer {i + 1}", shape)
        for i, (mask, shape) in enumerate(zip(items, shapes, strict=True))
    )


def _listed(masks: Any) -> list:
    if not isinstance(masks, (Mapping, Sequence, np.ndarray)) or isinstance(masks, str):
        raise ArgumentError(
            f"masks must be a list of boolean arrays, one per layer, or a mapping from names, "
            f"got {type(masks).__name__}."
        )
    return list(masks.values() if isinstance(masks, Mapping) else masks)


def read_mask(mask: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return a boolean array of the given shape; numbers must be 0 or 1."""
    mask = np.asarray(mask)
    if mask.shape != shape:
        raise ArgumentError(
            f"{name} has shape {mask.shape}, expected {shape}: one row per unit of the layer, "
            "one column per unit before it."
        )
    if mask.dtype != bool and not np.isin(mask, (0, 1)).all():
        raise ArgumentError(f"{name} must be boolean (true = kept), got {mask.dtype} values.")
    return mask.astype(bool)


def _named_masks(masks: Any, net: ReLUNetwork) -> dict[str, np.ndarray]:
    arrays = _listed(masks)
    if not isinstance(masks, Mapping):
        if len(arrays) != len(net.prunable):
            raise ArgumentError(
                f"the network has {len(net.prunable)} prunable weights {list(net.prunable)}, "
                f"got {len(arrays)} masks; give a Masks or a mapping from names to arrays."
            )
        masks = dict(zip(net.prunable, arrays, strict=True))
    unknown = [name for name in masks if name not in net.prunable]
    if unknown:
        raise ArgumentError(
            f"no prunable weight is called {unknown}; the names are {list(net.prunable)}"
            f"{meant(unknown, list(net.prunable))}."
        )
    return {
        name: read_mask(mask, f"the mask of {name!r}", tuple(net.prunable[name]))
        for name, mask in masks.items()
    }


def read_dim(dim: Any, input_size: int) -> int:
    """Return the dimension of the input subspace; None means the whole input space."""
    if dim is None:
        return input_size
    if not (is_whole(dim) and 1 <= dim <= input_size):
        raise ArgumentError(
            f"dim is the dimension of an affine subspace of the {input_size} inputs and must be a "
            f"whole number from 1 to {input_size}, got {dim!r}."
        )
    return int(dim)


def read_densities(density: Any, names: Sequence[str], layers: int) -> tuple[float, ...]:
    """Return the densities of the ReLU layers, the first of the layers named.

    `density` is one number, one number per ReLU layer, or a mapping from names; layers that a
    mapping leaves out are dense.
    """
    if isinstance(density, Mapping):
        unknown = [name for name in density if name not in names]
        if unknown:
            raise ArgumentError(
                f"no layer is called {unknown}; the names are {list(names)}"
                f"{meant(unknown, list(names))}."
            )
        named = {
            name: check_density(p, f"density[{name!r}]", empty=True) for name, p in density.items()
        }
        return tuple(named.get(name, 1.0) for name in names[:layers])
    if not isinstance(density, (Sequence, np.ndarray)) or isinstance(density, str):
        return (check_density(density, empty=True),) * layers
    if len(density) != layers:
        raise ArgumentError(
            f"density must be one number or one per ReLU layer: {layers} layers "
            f"{list(names[:layers])}, got {len(density)} densities."
        )
    return tuple(check_density(p, f"density[{i}]", empty=True) for i, p in enumerate(density))


def check_densities(density: Any) -> None:
    """Raise an `ArgumentError` if any of the densities is not between 0 and 1."""
    values = list(density.values()) if isinstance(density, Mapping) else density
    for value in values if isinstance(values, (Sequence, np.ndarray)) else [values]:
        check_density(value, empty=True)
