"""A step of which only the wiring is known: which values its values depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

from regions.networks.steps import Shape, Step

How = Literal["each", "axes", "product", "all"]


@dataclass(frozen=True, kw_only=True)
class Mix(Step):
    """Values that depend on others in some way: activations, gates, norms, attention.

    They depend on the inputs at their own place ("each"), on all along some `axes` ("axes"), on a
    row of the first and a column of the second ("product"), or on everything ("all").
    """

    kind: ClassVar[str] = "mix"
    how: How
    axes: Shape = ()

    def sizes(
        self, values: list[Any], magnitudes: Mapping[str, Any], homogeneous: float = 0.0
    ) -> Any:
        """Return sums over what the values depend on: positive where any of it is."""
        if self.how == "product":
            return values[0].sum(-1)[..., None] + values[1].sum(-2)[..., None, :]
        if self.how == "all":
            total = cast(Any, sum(value.reshape(len(value), -1).sum(1) for value in values))
            return total.reshape(-1, *([1] * len(self.shape))).expand(-1, *self.shape)
        total = cast(Any, sum(values[1:], values[0]))
        if self.how == "axes":
            shape = total.shape
            total = total.sum(tuple(axis + 1 for axis in self.axes), keepdim=True).expand(shape)
        return total
