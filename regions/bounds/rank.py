"""Serra's recursion with the ranks of one mask."""

from __future__ import annotations

import numpy as np

from regions.bounds.recursion import Step
from regions.bounds.supports import Supports, steps_between


def rank_steps(supports: Supports) -> list[Step]:
    """Return steps with all n_l units and the rank r_l of every weight matrix.

    R_l(d) = sum_{j <= min(r_l, d)} C(n_l, j) R_{l+1}(min(n_l - j, d, r_l)): m hyperplanes with
    normals of rank r cut as many cells as m hyperplanes in R^r. Serra et al. (arXiv:1711.02114)
    with the image capped by the rank too, as in Cai et al. (arXiv:2301.07966). Of a mask
    alone, r_l is the structural rank: that of almost all weights on it, and never below. Of a
    network it is no larger than the numerical rank of its own weights
    (`regions.bounds.supports.numerical_rank`), so that a layer of low rank lowers the bound.
    """
    sizes = [supports.input_size, *(layer.matrix.shape[0] for layer in supports.layers)]
    return steps_between(supports, [np.ones(size, dtype=bool) for size in sizes])
