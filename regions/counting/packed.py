"""Many regions side by side in shared arrays: one is made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from regions.counting.region import Region
from regions.networks import Box, ReLUNetwork, Slice

_COLUMNS = ("bits", "coordinates", "slopes", "constants", "facets", "normals", "offsets", "units")
_AT_ONCE = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """Regions of one network over one domain, a quarter as large as the objects.

    Attributes
    ----------
    net : ReLUNetwork
    domain : Box, Slice or None
    bits : (regions, bytes) uint8 array
        Patterns, eight units to a byte.
    coordinates, slopes, constants : (regions, ...) arrays
        As `Region.coordinates`, `slope` and `offset`.
    facets : (regions,) int array
        How many facets each has.
    normals, offsets, units : (all facets, ...) arrays
        As in `Region`, region by region.
    """

    net: ReLUNetwork
    domain: Box | Slice | None
    bits: np.ndarray
    coordinates: np.ndarray
    slopes: np.ndarray
    constants: np.ndarray
    facets: np.ndarray
    normals: np.ndarray
    offsets: np.ndarray
    units: np.ndarray
    _known: WeakValueDictionary[int, Region] = field(
        default_factory=WeakValueDictionary, init=False, repr=False
    )

    @classmethod
    def joined(cls, parts: Iterable[Packed]) -> Packed:
        """Return the regions of all parts (one or more), which are taken one by one."""
        rest = iter(parts)
        first = next(rest)
        columns = {name: _Column(getattr(first, name)) for name in _COLUMNS}
        for part in rest:
            for name, column in columns.items():
                column.add(getattr(part, name))
        whole = {name: column.whole() for name, column in columns.items()}
        return cls(net=first.net, domain=first.domain, **whole)

    def __reduce__(self) -> tuple[Any, ...]:
        columns = {name: getattr(self, name) for name in _COLUMNS}
        return _made, (self.net, self.domain, columns)

    def __len__(self) -> int:
        return len(self.bits)

    def __iter__(self) -> Iterator[Region]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self._made(start, min(start + _AT_ONCE, len(self)))

    def region(self, index: int) -> Region:
        """Return one region: the same object as before, as long as somebody holds that."""
        found = self._known.get(index)
        if found is None:
            (found,) = self._made(index, index + 1)
            self._known[index] = found
        return found

    @property
    def patterns(self) -> np.ndarray:
        """The patterns as a (regions, units) bool array."""
        return self._unpacked(0, len(self))

    @cached_property
    def starts(self) -> np.ndarray:
        """The first facet of each region, and the number of all facets at the end."""
        return np.concatenate([[0], np.cumsum(self.facets)])

    def _unpacked(self, start: int, stop: int) -> np.ndarray:
        hidden = sum(layer.size for layer in self.net.relu_layers)
        return np.unpackbits(self.bits[start:stop], axis=1, count=hidden).view(bool)

    def _made(self, start: int, stop: int) -> Iterator[Region]:
        patterns, coordinates = self._unpacked(start, stop), self.coordinates[start:stop]
        points = coordinates if self.domain is None else self.domain.embed(coordinates)
        starts = self.starts[start : stop + 1].tolist()
        units = self.units[starts[0] : starts[-1]].astype(np.int64)
        for index in range(stop - start):
            first, last = starts[index : index + 2]
            yield Region(
                pattern=patterns[index],
                point=points[index],
                coordinates=coordinates[index],
                slope=self.slopes[start + index],
                offset=self.constants[start + index],
                normals=self.normals[first:last],
                offsets=self.offsets[first:last],
                units=units[first - starts[0] : last - starts[0]],
                network=self.net,
            )


class _Column:
    """An array that grows in place: what it is joined from is gone before it is large."""

    def __init__(self, rows: np.ndarray) -> None:
        self._array, self._used = np.array(rows, order="C"), len(rows)

    def add(self, rows: np.ndarray) -> None:
        before, self._used = self._used, self._used + len(rows)
        if self._used > len(self._array):
            self._resize(self._used + self._used // 4)
        self._array[before : self._used] = rows

    def whole(self) -> np.ndarray:
        self._resize(self._used)
        return self._array

    def _resize(self, rows: int) -> None:
        self._array.resize((rows, *self._array.shape[1:]), refcheck=False)  # nobody else has it


def _made(net: ReLUNetwork, domain: Box | Slice | None, columns: dict[str, np.ndarray]) -> Packed:
    return Packed(net=net, domain=domain, **columns)
