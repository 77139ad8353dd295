"""What engines that know units of two pieces ask of a network."""

from __future__ import annotations

from regions.errors import UnsupportedModelError
from regions.networks import ReLUNetwork
from regions.networks.pieces import Pieces


def check_two_pieces(net: ReLUNetwork, what: str) -> None:
    """Raise UnsupportedModelError for networks with maxima of more than two values."""
    maxima = Pieces(net.graph).maxima
    if maxima:
        raise UnsupportedModelError(
            f"{what} knows units of two pieces, and this network takes maxima of up to "
            f"{max(layer.slots[0] for layer in maxima)} values (max pooling, maxout); count its "
            "regions with method 'line', 'plane', 'cells' or 'sample', of kind 'activation', "
            "'linear' or 'affine'"
        )
