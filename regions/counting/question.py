"""What is asked: the regions of a network, of one kind, over one domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from regions.errors import ArgumentError, DomainError
from regions.networks import Box, ReLUNetwork, Slice, as_domain, as_network

Kind = Literal["activation", "linear"]


@dataclass(frozen=True)
class Question:
    """A network, where its regions are counted, and which: checked once, when it is made.

    Attributes
    ----------
    net : ReLUNetwork
    domain : Box, Slice, pair (low, high) or None
        None is all of the input space.
    kind : {"activation", "linear"}
        Full-dimensional activation regions of the hidden ReLUs, or maximal connected pieces with
        one affine map.

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
