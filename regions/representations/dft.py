"""CCA of feature maps frequency by frequency (Raghu et al. 2017), for translated images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from regions.arguments import as_numbers
from regions.choices import choose
from regions.errors import ArgumentError
from regions.representations.cca import CCA
from regions.representations.extent import Extent
from regions.representations.layer import layer_of
from regions.representations.measure import Measure, undefined
from regions.representations.pair import pair_layers
from regions.representations.registry import MEASURES
from regions.representations.rows import check_paired, exponent_of
from regions.representations.similarity import Similarity, SimilarityStatus
from regions.representations.svcca import SVCCA

_ROUNDING = 1e-13


class Block(NamedTuple):
    """The result of one frequency, and how often it counts."""

    result: Similarity
    weight: int


def dft_similarity(X: Any, Y: Any, measure: str | Measure = "cca", **options: Any) -> Similarity:
    """Return the similarity of two layers' maps, one CCA per spatial frequency.

    Both maps are transformed by an orthonormal two-dimensional Fourier transform, cropped to
    the frequencies they share; each frequency is a complex (images, channels) block. The
    coefficients of all frequencies count equally. Exact where the data set is closed under
    translations, because blocks of different frequencies are then uncorrelated.

    Parameters
    ----------
    X, Y
        (images, channels, height, width) arrays or tensors over the same images; at least 10
        images per channel.
    measure
        "cca" or "svcca" with its options, or `CCA` or `SVCCA` that holds its own.

    Notes
    -----
    Raghu et al. 2017 (arXiv 1706.05806). Real maps have conjugate blocks at opposite
    frequencies; each such pair is computed once and counted twice.

    Examples
    --------
    >>> maps = np.random.default_rng(0).standard_normal((200, 3, 4, 4))
    >>> result = dft_similarity(maps, 2 * maps)
    >>> result.k, round(result.value, 6)
    (48, 1.0)
    """
    chosen = choose("measure", measure, MEASURES, options, base=Measure)
    if not isinstance(chosen, (CCA, SVCCA)):
        raise ArgumentError(f"measure is {measure!r}; per frequency only 'cca' and 'svcca' work")
    maps = [checked_maps(values, name) for values, name in ((X, "X"), (Y, "Y"))]
    check_paired(len(maps[0]), len(maps[1]))
    extents = [Extent.of(rows, values) for rows, values in zip(maps, (X, Y), strict=True)]
    return by_frequency(maps, extents, chosen)


def by_frequency(maps: list[np.ndarray], extents: list[Extent], chosen: Measure) -> Similarity:
    """Return what `dft_similarity` does of checked maps, computed as `extents` say."""
    size = tuple(map(_shared, maps[0].shape[2:], maps[1].shape[2:]))
    weights = frequency_weights(size)
    roundings = [4 * extent.precision.rounding for extent in extents]
    spectra = [spectrum(one, size, lost) for one, lost in zip(maps, roundings, strict=True)]
    found = []
    for (row, column), weight in weights.items():
        x, y = (
            layer_of(block[:, :, row, column], extent=extent)
            for block, extent in zip(spectra, extents, strict=True)
        )
        found.append(Block(chosen(pair_layers(x, y)), weight))
    usable = [block for block in found if np.isfinite(block.result.value)]
    name = f"dft_{chosen.name}"
    if not usable:
        pair = pair_layers(*(layer_of(values.reshape(len(values), -1)) for values in maps))
        status = found[0].result.status
        return undefined(pair, name, SimilarityStatus.UNDEFINED if status == "ok" else status)
    return _pooled(usable, maps, size, name)


def _pooled(
    usable: list[Block], maps: list[np.ndarray], size: tuple[int, ...], name: str
) -> Similarity:
    """Return one result of the frequencies' results, each repeated by its weight."""
    rho = np.concatenate([np.repeat(part.coefficients, weight) for part, weight in usable])
    counts = np.array([part.k * weight for part, weight in usable])
    channels = min(values.shape[1] for values in maps)
    total = channels * size[0] * size[1]
    nulls = np.array([part.null for part, _ in usable])
    ranks: dict[str, Any] = {
        f"rank_{side}": sum(getattr(part, f"rank_{side}") * weight for part, weight in usable)
        for side in "xy"
    }
    worst = next(
        (part.status for part, _ in usable if part.status != SimilarityStatus.OK),
        SimilarityStatus.OK,
    )
    neurons = [int(np.prod(values.shape[1:])) for values in maps]
    dead = [int((~values.any(axis=(0, 2, 3))).sum()) * values[0, 0].size for values in maps]
    return Similarity(
        measure=name,
        value=float(rho.mean()),
        value_all=float(rho.sum() / total),
        n=len(maps[0]),
        **ranks,
        neurons_x=neurons[0],
        neurons_y=neurons[1],
        dead_x=dead[0],
        dead_y=dead[1],
        constant_x=0,
        constant_y=0,
        null=float((nulls * counts).sum() / counts.sum()),
        status=worst,
        coefficients=np.sort(rho)[::-1],
    )


def spectrum(maps: np.ndarray, size: tuple[int, ...], rounding: float = 0.0) -> np.ndarray:
    """Return the orthonormal transform of the maps, cropped to `size` low frequencies.

    Coefficients below `rounding` times the largest of their channel are rounding of the maps.
    """
    full = np.fft.fft2(maps, norm="ortho")
    largest = np.abs(full).max(axis=(0, 2, 3), keepdims=True)
    full[np.abs(full) <= max(_ROUNDING, rounding) * largest] = (
        0  # a constant map has no other frequency
    )
    rows, columns = (
        np.fft.fftfreq(low, 1 / low).astype(int) % high
        for low, high in zip(size, maps.shape[2:], strict=True)
    )
    return full[:, :, rows[:, None], columns]


def _shared(first: int, second: int) -> int:
    """Return how many frequencies two sizes share; an aliased highest one is left out."""
    if first == second:
        return first
    low = min(first, second)
    return low - 1 if low % 2 == 0 else low


def frequency_weights(size: tuple[int, ...]) -> dict[tuple[int, int], int]:
    """Return one of each pair of opposite frequencies, with 2, and the real ones, with 1."""
    weights: dict[tuple[int, int], int] = {}
    for row in range(size[0]):
        for column in range(size[1]):
            opposite = (-row % size[0], -column % size[1])
            if opposite in weights and opposite != (row, column):
                weights[opposite] = 2
            else:
                weights[row, column] = 1
    return weights


def checked_maps(values: Any, name: str) -> np.ndarray:
    """Return finite real maps in float64, of a size whose squares fit."""
    maps = as_numbers(values, name, "(images, channels, height, width)")
    if np.iscomplexobj(maps):
        raise ArgumentError(f"{name} has complex activations; expected real numbers")
    maps = maps.astype(float)
    if maps.ndim != 4:
        raise ArgumentError(
            f"{name} has shape {maps.shape}; expected (images, channels, height, width)"
        )
    if not np.isfinite(maps).all():
        raise ArgumentError(f"{name} has NaN or infinite activations; expected finite numbers")
    return maps * 2.0 ** -exponent_of(maps)
