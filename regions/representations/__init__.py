"""How similar two networks' layers are: measures, capture of activations, comparison."""

from regions.representations.cca import cca
from regions.representations.cka import cka, minibatch_cka, rbf_cka
from regions.representations.layer import Layer, layer_of
from regions.representations.measure import DegenerateLayerWarning, Measure, SampleSizeWarning
from regions.representations.null import (
    adjusted,
    null_mean_correlation,
    null_mean_squared,
    wachter_edges,
)
from regions.representations.pair import Pair, pair_layers, pair_of
from regions.representations.procrustes import procrustes
from regions.representations.pwcca import pwcca
from regions.representations.registry import MEASURES
from regions.representations.regression import regression_r2
from regions.representations.similarity import Similarity, Status
from regions.representations.svcca import svcca

__all__ = [
    "MEASURES",
    "DegenerateLayerWarning",
    "Layer",
    "Measure",
    "Pair",
    "SampleSizeWarning",
    "Similarity",
    "Status",
    "adjusted",
    "cca",
    "cka",
    "layer_of",
    "minibatch_cka",
    "null_mean_correlation",
    "null_mean_squared",
    "pair_layers",
    "pair_of",
    "procrustes",
    "pwcca",
    "rbf_cka",
    "regression_r2",
    "svcca",
    "wachter_edges",
]
