"""Does the theory agree: tangent kernels of pruned networks, and learning of sparse directions."""

from regions.theory.draws import random_ntk
from regions.theory.empirical import empirical_ntk
from regions.theory.limit import limit_factor, limit_ntk
from regions.theory.rescaling import ntk_scales, rescale
from regions.theory.screening import Screening, screen
from regions.theory.single_index import SingleIndex
from regions.theory.two_layer import TwoLayer, fit_two_layer

__all__ = [
    "Screening",
    "SingleIndex",
    "TwoLayer",
    "empirical_ntk",
    "fit_two_layer",
    "limit_factor",
    "limit_ntk",
    "ntk_scales",
    "random_ntk",
    "rescale",
    "screen",
]
