"""Does the theory agree: tangent kernels of pruned networks, and learning of sparse directions."""

from regions.theory.draws import random_ntk
from regions.theory.empirical import empirical_ntk
from regions.theory.limit import limit_factor, limit_ntk
from regions.theory.rescaling import ntk_scales, rescale

__all__ = [
    "empirical_ntk",
    "limit_factor",
    "limit_ntk",
    "ntk_scales",
    "random_ntk",
    "rescale",
]
