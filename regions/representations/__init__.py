"""How similar two networks' layers are: measures, capture of activations, comparison."""

from regions.representations.capture import Captured, capture
from regions.representations.cca import CCA, cca
from regions.representations.cka import CKA, cka, minibatch_cka, rbf_cka
from regions.representations.compare import compare_layers
from regions.representations.comparison import LayerComparison, LayerSimilarity
from regions.representations.dft import dft_similarity
from regions.representations.grid import similarity_grid
from regions.representations.heldout import held_out_cca
from regions.representations.jackknife import Interval, jackknife
from regions.representations.layer import Layer, layer_of
from regions.representations.maps import map_rows
from regions.representations.measure import DegenerateLayerWarning, Measure, SampleSizeWarning
from regions.representations.null import (
    adjusted,
    null_mean_correlation,
    null_mean_squared,
    wachter_edges,
)
from regions.representations.pair import Pair, pair_layers, pair_of
from regions.representations.procrustes import Procrustes, procrustes
from regions.representations.pwcca import PWCCA, pwcca
from regions.representations.references import compare_curves, untrained
from regions.representations.registry import MEASURES
from regions.representations.regression import RegressionR2, regression_r2
from regions.representations.settings import Settings
from regions.representations.similarity import Similarity, SimilarityStatus
from regions.representations.svcca import SVCCA, svcca

__all__ = [
    "CCA",
    "CKA",
    "MEASURES",
    "PWCCA",
    "SVCCA",
    "Captured",
    "DegenerateLayerWarning",
    "Interval",
    "Layer",
    "LayerComparison",
    "LayerSimilarity",
    "Measure",
    "Pair",
    "Procrustes",
    "RegressionR2",
    "SampleSizeWarning",
    "Settings",
    "Similarity",
    "SimilarityStatus",
    "adjusted",
    "capture",
    "cca",
    "cka",
    "compare_curves",
    "compare_layers",
    "dft_similarity",
    "held_out_cca",
    "jackknife",
    "layer_of",
    "map_rows",
    "minibatch_cka",
    "null_mean_correlation",
    "null_mean_squared",
    "pair_layers",
    "pair_of",
    "procrustes",
    "pwcca",
    "rbf_cka",
    "regression_r2",
    "similarity_grid",
    "svcca",
    "untrained",
    "wachter_edges",
]
