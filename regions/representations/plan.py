"""Which layers of two networks are compared, and what their samples are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from regions.errors import ArgumentError
from regions.representations.maps import choose_positions, map_rows
from regions.representations.settings import Settings

Shapes = Mapping[str, tuple[int, ...]]  # of one image's activations, by layer


@dataclass(frozen=True, kw_only=True)
class Group:
    """Layers of both sides that have the same samples, and are collected together."""

    names_x: tuple[str, ...]
    names_y: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to collect.

    `matched` are the layers that both networks have; `groups` the layers to collect together;
    `apart` the matched layers whose samples differ, with the reason.
    """

    mode: str
    shapes_x: Shapes
    shapes_y: Shapes
    matched: tuple[str, ...]
    unmatched_x: tuple[str, ...]
    unmatched_y: tuple[str, ...]
    groups: tuple[Group, ...]
    apart: Mapping[str, str]
    sizes: Mapping[str, tuple[int, int]]
    positions: Mapping[tuple[int, ...], np.ndarray]

    def rows(self, name: str, activations: torch.Tensor) -> torch.Tensor:
        """Return a layer's activations for a batch as (samples, neurons)."""
        if self.mode == "dft":  # whole maps, which are transformed when all are known
            return activations.flatten(1)
        size = self.sizes.get(name)
        place = _places(tuple(activations.shape[1:]), self.mode, size)
        return map_rows(activations, self.mode, size=size, positions=self.positions.get(place))


def make_plan(shapes_x: Shapes, shapes_y: Shapes, settings: Settings) -> Plan:
    """Return what to collect from two networks with these activations."""
    matched = tuple(name for name in shapes_x if name in shapes_y)
    if not matched:
        raise ArgumentError(
            f"the networks have no layer name in common: the first has {_few(shapes_x)}, the "
            f"second {_few(shapes_y)}. Rename the modules, or choose comparable ones by `layers`"
        )
    mode, grid = settings.mode, _wants_grid(shapes_x, shapes_y, settings)
    sizes = _sizes(shapes_x, shapes_y, matched, mode, grid)
    places_x = {name: _places(shape, mode, sizes.get(name)) for name, shape in shapes_x.items()}
    places_y = {name: _places(shape, mode, sizes.get(name)) for name, shape in shapes_y.items()}
    apart = {
        name: f"{_words(places_x[name])} against {_words(places_y[name])}"
        for name in matched
        if places_x[name] != places_y[name]
    }
    groups = _grid(places_x, places_y) if grid else _pairs(matched, apart)
    return Plan(
        mode=mode,
        shapes_x=shapes_x,
        shapes_y=shapes_y,
        matched=matched,
        unmatched_x=tuple(name for name in shapes_x if name not in shapes_y),
        unmatched_y=tuple(name for name in shapes_y if name not in shapes_x),
        groups=groups,
        apart=apart,
        sizes=sizes,
        positions=_positions({*places_x.values(), *places_y.values()}, settings),
    )


def _wants_grid(shapes_x: Shapes, shapes_y: Shapes, settings: Settings) -> bool:
    if settings.mode == "dft":
        return False
    if settings.grid is not None:
        return settings.grid
    flat = settings.mode == "flatten"
    widths = [sum(_width(shape, flat) for shape in side.values()) for side in (shapes_x, shapes_y)]
    return max(widths) <= 1024


def _width(shape: tuple[int, ...], flat: bool) -> int:
    if flat:
        return int(np.prod(shape))
    return shape[0] if len(shape) != 2 else shape[1]


def _sizes(
    shapes_x: Shapes, shapes_y: Shapes, matched: tuple[str, ...], mode: str, grid: bool
) -> dict[str, tuple[int, int]]:
    """Return the height and width that maps are pooled to, by layer, in mode "resize"."""
    if mode != "resize":
        return {}
    shapes = [(name, shape) for side in (shapes_x, shapes_y) for name, shape in side.items()]
    maps = [(name, shape[1:]) for name, shape in shapes if len(shape) == 3]
    if not maps:
        return {}
    least = (min(size[0] for _, size in maps), min(size[1] for _, size in maps))
    if grid:
        return {name: least for name, _ in maps}
    sizes: dict[str, tuple[int, int]] = {}
    for name, (height, width) in maps:
        if name in matched:
            known = sizes.get(name, (height, width))
            sizes[name] = (min(known[0], height), min(known[1], width))
    return sizes


def _places(shape: tuple[int, ...], mode: str, size: tuple[int, int] | None) -> tuple[int, ...]:
    """Return what makes one image's samples comparable: the grid of positions."""
    if len(shape) == 1 or mode in ("gap", "flatten", "dft"):
        return ()
    return tuple(size or shape[1:]) if len(shape) == 3 else tuple(shape[:1])


def _positions(places: set, settings: Settings) -> dict[tuple[int, ...], np.ndarray]:
    limit, rng = settings.max_positions, settings.rng
    chosen = {place: choose_positions(int(np.prod(place)), limit, rng) for place in places if place}
    return {place: positions for place, positions in chosen.items() if positions is not None}


def _pairs(matched: tuple[str, ...], apart: Mapping[str, str]) -> tuple[Group, ...]:
    return tuple(Group(names_x=(n,), names_y=(n,)) for n in matched if n not in apart)


def _grid(places_x: Mapping, places_y: Mapping) -> tuple[Group, ...]:
    groups = []
    for place in dict.fromkeys(places_x.values()):
        left = tuple(name for name, other in places_x.items() if other == place)
        right = tuple(name for name, other in places_y.items() if other == place)
        if right:
            groups.append(Group(names_x=left, names_y=right))
    return tuple(groups)


def _few(names: Mapping) -> str:
    shown = list(names)[:5]
    return ", ".join(shown) + (f" ... ({len(names)} layers)" if len(names) > 5 else "")


def _words(place: tuple[int, ...]) -> str:
    return f"{'x'.join(map(str, place))} positions" if place else "one sample per image"
