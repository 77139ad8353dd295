"""Any model -> one small frozen description, proved equal to the model."""

from regions.networks.checkpoint import load_weights
from regions.networks.convert import as_network, as_wiring
from regions.networks.domain import Box, Domain, Slice, as_domain
from regions.networks.graph import Graph
from regions.networks.layers import Layer
from regions.networks.liveness import Liveness, liveness
from regions.networks.load import load_model
from regions.networks.network import ReLUNetwork, State

__all__ = [
    "Box",
    "Domain",
    "Graph",
    "Layer",
    "Liveness",
    "ReLUNetwork",
    "Slice",
    "State",
    "as_domain",
    "as_network",
    "as_wiring",
    "liveness",
    "load_model",
    "load_weights",
]
