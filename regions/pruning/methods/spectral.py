"""Spectral: singular components of each layer are removed, their mean output goes to the bias."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor
from typing import Any

import numpy as np

from regions.choices import check_name
from regions.errors import ArgumentError
from regions.pruning.criterion import Method, Request, Selection
from regions.pruning.methods.components import Components, layer_components

SCORES = ("max", "mean", "magnitude", "random")


@dataclass(frozen=True, eq=False)
class Spectral(Method):
    """Low-rank weights, with masks that keep every entry.

    A layer's matrix is W = sum_i s_i u_i v_i^T (that of a convolution: filters x patch). The
    components with the lowest scores are removed and their mean output over the inputs is added
    to the bias, b + sum_removed s_i u_i (v_i . mean(x)), so that a layer pruned alone keeps its
    mean output; a layer without a bias has no place for it. A density is the fraction of singular
    components kept (at least one); with scope="global" the components of all layers compete.

    Attributes
    ----------
    inputs : array
        Images, at least two. Linear and Conv2d layers (without groups) of torch modules.
    labels : array, optional
        One class per image, for ``"max"`` and ``"mean"``.
    score : {"max", "mean", "magnitude", "random"}
        The largest or the mean of the attributions e_i over images and positions, s_i, or chance
        (the control).

    Notes
    -----
    e_i = (g . u_i) s_i (v_i . (x' - x)), with g the gradient of an image's cross-entropy at the
    layer's output, x the layer's input for that image and x' for the image before it in `inputs`
    (for the first one, the last): to first order, what the loss gains if that component alone saw
    another image. Signed, and paired with the image before, as in the source.

    Source: Eigenpruning (arXiv 2404.03147), read from its public code; there for attention keys.
    """

    name = "spectral"
    inputs: Any = field(repr=False)
    labels: Any = field(default=None, repr=False)
    score: str = "max"

    def __post_init__(self) -> None:
        check_name("score", self.score, SCORES)

    def __call__(self, request: Request) -> Selection:
        labels: Any = None
        if self.score in ("max", "mean"):
            labels = self.labels
            if labels is None:
                raise ArgumentError(
                    f"spectral pruning needs labels: score={self.score!r} is of the loss, so give "
                    "one integer class per image"
                )
        layers = layer_components(request, self.inputs, labels)
        scores = {name: _scores(parts, self.score, request.rng) for name, parts in layers.items()}
        kept = _best(scores, request)
        repaired = {}
        for name, parts in layers.items():
            repaired |= parts.keep(name, kept[name])
        masks = {n: np.ones(weight.shape, dtype=bool) for n, weight in request.weights.items()}
        return Selection(masks=masks, repaired=repaired)


def _scores(parts: Components, score: str, rng: np.random.Generator) -> np.ndarray:
    if score == "magnitude":
        return parts.sizes
    if score == "random":
        return rng.random(parts.sizes.size)
    return parts.largest if score == "max" else parts.mean


def _best(scores: dict[str, np.ndarray], request: Request) -> dict[str, np.ndarray]:
    """Return which components each layer keeps; ties: the larger one (the earlier layer)."""
    shares = {n: request.counts[n] / w.size for n, w in request.weights.items()}
    if request.scope == "layer":
        groups: list[list[str]] = [[name] for name in scores]
    else:
        groups = [list(scores)]
    kept: dict[str, Any] = {}
    for names in groups:
        joined = np.concatenate([scores[name] for name in names])
        ends = np.cumsum([scores[name].size for name in names])
        total = sum(shares[name] * scores[name].size for name in names)
        number = max(floor(total + 0.5), 1)
        chosen = np.zeros(joined.size, dtype=bool)
        chosen[np.argsort(-joined, kind="stable")[:number]] = True
        kept |= dict(zip(names, np.split(chosen, ends[:-1]), strict=True))
    return kept
