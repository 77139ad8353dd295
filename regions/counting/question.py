"""What is asked: the regions of a network, of one kind, over one domain.

Examples
--------
>>> from regions.counting import DEFINITIONS
>>> sorted(DEFINITIONS)
['activation', 'affine', 'closed', 'convex', 'linear', 'pattern']
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from regions.errors import ArgumentError, DomainError
from regions.networks import Box, ReLUNetwork, Slice, as_domain, as_network

Kind = Literal["pattern", "activation", "convex", "linear", "closed", "affine"]
"""What is counted, from most to fewest: after definitions 1 to 6 of Stargalla et al. (2025)."""

DEFINITIONS: Mapping[str, str] = MappingProxyType(
    {
        "pattern": "A region is any non-empty set of points that share an activation pattern, "
        "also a lower-dimensional one; a unit is active where its preactivation is positive.",
        "activation": "A region is a full-dimensional set of points that share an activation "
        "pattern.",
        "convex": "A region is a cell of a polyhedral complex with the fewest full-dimensional "
        "cells on each of which the network is affine.",
        "linear": "A region is a maximal open connected set on which the network is affine: cells "
        "that share a facet and an affine map are one.",
        "closed": "A region is a maximal connected union of closed full-dimensional cells with one "
        "affine map: cells that share a point inside the domain and an affine map are one.",
        "affine": "A region is the set of all full-dimensional cells with one affine map, "
        "connected or not.",
    }
)


@dataclass(frozen=True)
class Question:
    """A network, where its regions are counted, and which: checked once, when it is made.

    Attributes
    ----------
    net : ReLUNetwork
    domain : Box, Slice, pair (low, high) or None
        None is all of the input space.
    kind : {"pattern", "activation", "convex", "linear", "closed", "affine"}
        Which regions (`DEFINITIONS`).

    Raises
    ------
    DomainError
        If the domain is none, or does not fit the network.
    ArgumentError
        If the kind is unknown.
    """

    net: ReLUNetwork
    domain: Box | Slice | None = None
    kind: Kind = "activation"

    def __post_init__(self) -> None:
        domain, net = self.domain, self.net
        domain = as_domain(domain, net.input_size)
        object.__setattr__(self, "domain", domain)
        if domain is not None and domain.input_size != net.input_size:
            raise DomainError(
                f"the domain lies in {domain.input_size} dimensions but the network has "
                f"{net.input_size} inputs, of shape {net.input_shape}"
            )
        if self.kind not in get_args(Kind):
            expected = " or ".join(map(repr, get_args(Kind)))
            raise ArgumentError(f"kind is {self.kind!r}; expected {expected}")

    @classmethod
    def of(
        cls, net: Any, domain: Any = None, kind: Any = "activation", input_shape: Any = None
    ) -> Question:
        """Return the question about whatever `as_network` reads."""
        return cls(as_network(net, input_shape), domain, kind)

    @property
    def dimension(self) -> int:
        """Dimension of the domain."""
        return self.net.input_size if self.domain is None else self.domain.dimension

    @property
    def bounded(self) -> bool:
        """Whether the domain is bounded."""
        return self.domain is not None and self.domain.bounded
