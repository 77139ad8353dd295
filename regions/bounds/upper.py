"""`upper_bound`: one verb for all upper bounds on the number of linear regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2
from typing import Any

from regions.bounds.activation import activation_count
from regions.bounds.bound import ACTIVATION_REGIONS, AFFINE_PIECES, Bound
from regions.bounds.cai import LOG_2
from regions.bounds.cells import Arrangement, log_product, product
from regions.bounds.channels import channel_steps
from regions.bounds.expected import Expected
from regions.bounds.montufar import bottleneck
from regions.bounds.naive import product_of_layers
from regions.bounds.on_mask import ON_MASK, RECURSIONS
from regions.bounds.reading import (
    Architecture,
    check_densities,
    read_architecture,
    read_dim,
)
from regions.bounds.recursion import Step, exact_count, log_count
from regions.bounds.supports import matrix_entries
from regions.bounds.trivial import patterns
from regions.choices import check_name, check_options, choose
from regions.errors import ArgumentError
from regions.networks import as_network

PRODUCTS: dict[str, Callable[[list[Step], int], list[Arrangement]]] = {
    "trivial": patterns,
    "naive": product_of_layers,
    "montufar": bottleneck,
}
DENSE = (*PRODUCTS, "serra")
AVERAGES: dict[str, type[Expected]] = {Expected.name: Expected}
KINDS = (*DENSE, *AVERAGES, *ON_MASK)
# 2^14000 is about the longest integer that Python turns into text
MAX_UNITS = 14_000
# entries of the matrices of all layers, above which bounds go without them
MAX_ENTRIES = 2 * 10**7


def upper_bound(
    widths_or_net: Any,
    kind: str | Expected = "serra",
    density: Any = None,
    masks: Any = None,
    dim: int | None = None,
    input_shape: Sequence[int] | None = None,
    **options: Any,
) -> Bound:
    """Return an upper bound on the number of linear regions of a ReLU network.

    Parameters
    ----------
    widths_or_net : list of int, or anything `regions.as_network` reads
        ``[n0, n1, ..., nL]``: every layer after the input counts as a ReLU layer, the last one too,
        which `regions.allocate` takes for the output: leave it out to bound what a network of these
        layers does before its output, as the result says (`Bound.counts_output`). Of a network
        only the hidden ReLU layers count; convolutions enter by the support of their matrices,
        residual connections as coordinates carried past the ReLU. Maxima (max pooling, maxout) and
        clamps are bounded as the ReLU units that compute them (`regions.networks.pieces`), which
        cut every region of theirs into one or more: valid, but loose where many values meet.
    kind : str or Expected
        For every network of these widths: ``"trivial"``, ``"naive"``, ``"montufar"``,
        ``"serra"``. On average over random masks: ``"expected"`` (Cai et al.). For one mask:
        ``"rank"``, ``"rows"``, ``"live"``, ``"activation"``, and ``"effective"``, which bounds
        affine pieces; the others bound full-dimensional activation regions. Of a network these
        five also use the ranks of its own weights, so that layers of low rank lower them; up to
        rounding to double precision (weights of low rank stored in single precision have full
        rank). Where the layers' matrices would have over 20 million entries (from ResNet-20
        at 32 x 32 on), four of them come from kernels and wiring instead, valid but perhaps looser
        (`regions.bounds.channels`); over 100 million ``"activation"`` is refused. On the same mask
        activation <= live <= rows <= rank <= serra <= montufar <= trivial.
    density : float, sequence or mapping of float
        Fraction of weights kept, for ``"expected"``: one number, one per ReLU layer, or by weight
        name ("layer1", "layer2", ..., "output" for widths), names left out being dense. Bounds
        for all networks of given widths hold for every density; those of one mask need the mask.
    masks : sequence of arrays, mapping or Masks, optional
        Boolean arrays of shape (n_l, n_{l-1}), one per layer, or by name for a network. Without
        masks, widths keep every weight, and a network keeps those that are not zero.
    dim : int, optional
        Dimension of an affine subspace of inputs; default: the input size. The matrix of the
        first layer keeps its n0 columns, only its rank is capped. To model it as n1 x d instead,
        as Figure 2 of Cai et al. does, give ``widths[0] = d``.
    input_shape : sequence of int, optional
        Shape of one input, such as (1, 28, 28), for models that start with a convolution.
    **options
        The fields of `Expected`, for ``"expected"`` alone: ``rank=`` is "sampled", "binomial" or
        "mean", with ``samples=``, ``rng=`` and ``sampler=`` as for `rank_distribution`;
        ``"expected", rank="mean"`` and ``Expected(rank="mean")`` are the same call. In very sparse
        wide layers the mean is carried by ranks too rare to be sampled: "sampled" and "mean" are
        then too low, and "binomial" is the safe choice.

    Returns
    -------
    Bound
        With `log2` always, and the exact integer as `value` where the bound is one (for up to
        14,000 units: longer integers cannot be printed).

    Raises
    ------
    regions.errors.ArgumentError
        For widths, densities, masks or dimensions that do not fit, or an unknown kind or option.
    regions.errors.UnsupportedModelError
        If the network cannot be read, or ``"activation"`` would need matrices that are too large.

    Examples
    --------
    >>> import regions
    >>> regions.upper_bound([2, 20, 20]).value
    44521
    >>> bound = regions.upper_bound(
    ...     [784, 100, 100, 10], "expected", density=[0.01, 0.01, 1.0], rank="binomial"
    ... )
    >>> round(bound.log2, 3)
    209.073
    """
    if input_shape is not None:
        widths_or_net = as_network(widths_or_net, input_shape)
    if not isinstance(kind, str) or kind in AVERAGES:
        chosen: Expected = choose("kind", kind, AVERAGES, options, words=(*DENSE, *ON_MASK))
        if masks is not None:
            raise ArgumentError(
                "kind='expected' averages over random masks and takes density=, not masks=; for "
                "given masks use kind='rank' (the same theorem), 'live' or 'effective'."
            )
        return chosen.bound(widths_or_net, density, dim)
    check_name("kind", kind, KINDS)
    check_options(f"kind {kind!r}", options, ())
    if density is not None and kind in ON_MASK:
        raise ArgumentError(
            f"kind={kind!r} bounds one mask, and density={density!r} does not say which; give "
            "masks=, or use kind='expected' for the average over random masks."
        )
    if density is not None:
        check_densities(density)  # what holds for all weights holds for pruned ones
    architecture = read_architecture(widths_or_net, masks)
    size = read_dim(dim, architecture.widths[0])
    logarithm, value = _evaluate(architecture, kind, size)
    return Bound(
        kind=kind,
        side="upper",
        log2=logarithm,
        value=value,
        bounds=AFFINE_PIECES if kind == "effective" else ACTIVATION_REGIONS,
        dim=size,
        widths=architecture.widths,
        counts_output=architecture.net is None,
    )


def _evaluate(architecture: Architecture, kind: str, dim: int) -> tuple[float, int | None]:
    exact = sum(architecture.widths[1:]) <= MAX_UNITS
    if kind in PRODUCTS:
        arrangements = PRODUCTS[kind](architecture.steps(), dim)
        count = (product if exact else log_product)(arrangements)
    elif kind == "activation":
        count = activation_count(architecture.supports(), dim, exact)
    else:
        if kind == "serra":
            steps = architecture.steps()
        elif architecture.net is not None and matrix_entries(architecture.net) > MAX_ENTRIES:
            steps = channel_steps(architecture.net, kind)
        else:
            steps = RECURSIONS[kind](architecture.supports())
        count = (exact_count if exact else log_count)(steps, dim)
    return (log2(count), int(count)) if exact else (count / LOG_2, None)
