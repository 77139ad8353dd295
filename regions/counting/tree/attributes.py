"""What the nodes and edges of a graph of regions hold: dictionaries made when they are written."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from copy import deepcopy
from typing import Any, ClassVar

from regions.counting.packed import Packed
from regions.counting.region import Region


class _Attributes(MutableMapping[str, Any]):
    """Behaves as a dictionary with one entry, and becomes one when something is written."""

    __slots__ = ("_own",)
    name: ClassVar[str]
    value: Any

    def __init__(self) -> None:
        self._own: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        if self._own is not None:
            return self._own[key]
        if key == self.name:
            return self.value
        raise KeyError(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._written()[key] = value

    def __delitem__(self, key: str) -> None:
        del self._written()[key]

    def __iter__(self) -> Iterator[str]:
        return iter((self.name,) if self._own is None else self._own)

    def __len__(self) -> int:
        return 1 if self._own is None else len(self._own)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return deepcopy(dict(self), memo)

    def copy(self) -> dict[str, Any]:
        """Return a dictionary of what it holds."""
        return dict(self)

    def _written(self) -> dict[str, Any]:
        if self._own is None:
            self._own = dict(self)
        return self._own


class FacetAttributes(_Attributes):
    """``{"unit": value}``, for an edge.

    Examples
    --------
    >>> attributes = FacetAttributes(3)
    >>> attributes["weight"] = 0.5
    >>> attributes
    {'unit': 3, 'weight': 0.5}
    """

    __slots__ = ("value",)
    name = "unit"

    def __init__(self, unit: int) -> None:
        super().__init__()
        self.value = unit


class RegionAttributes(_Attributes):
    """``{"region": ...}``, for a node: one of many regions, made when it is asked for."""

    __slots__ = ("_found", "_index")
    name = "region"

    def __init__(self, found: Packed, index: int) -> None:
        super().__init__()
        self._found, self._index = found, index

    @property
    def value(self) -> Region:
        """The region."""
        return self._found.region(self._index)
