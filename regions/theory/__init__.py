"""Does the theory agree: tangent kernels, learning of sparse directions, greedy selection."""

from regions.theory.decay_fit import DecayFit, fit_decay
from regions.theory.draws import random_ntk
from regions.theory.empirical import empirical_ntk
from regions.theory.greedy_decay import GreedyDecay, greedy_decay
from regions.theory.limit import limit_factor, limit_ntk
from regions.theory.rescaling import ntk_scales, rescale
from regions.theory.screening import Screening, screen
from regions.theory.single_index import SingleIndex
from regions.theory.two_layer import TwoLayer, fit_two_layer

__all__ = [
    "DecayFit",
    "GreedyDecay",
    "Screening",
    "SingleIndex",
    "TwoLayer",
    "empirical_ntk",
    "fit_decay",
    "fit_two_layer",
    "greedy_decay",
    "limit_factor",
    "limit_ntk",
    "ntk_scales",
    "random_ntk",
    "rescale",
    "screen",
]
