"""The result of comparing two networks layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from regions.choices import check_name
from regions.representations.jackknife import Interval
from regions.representations.similarity import Similarity, SimilarityStatus
from regions.results import Result, jsonable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_BRIEF = ("layer", "value", "corrected", "low", "high", "level", "null", "null_permuted", "status")


@dataclass(frozen=True, kw_only=True)
class LayerSimilarity:
    """One layer of both networks.

    Attributes
    ----------
    layer : str
        The module's name.
    similarity : Similarity
        The measure's result.
    interval : Interval or None
        Where blocks were asked for and the measure has intervals that cover, at level .95. It
        covers the value that the two networks would have on all images of this kind.
    no_interval : str
        Why there is none, though blocks were asked for.
    null_permuted : float
        Mean value with the images of one network shuffled; NaN where not asked for. Unlike
        ``similarity.null`` it keeps the dependence between positions of an image.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> import regions
    >>> model = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
    >>> inputs = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    >>> comparison = regions.compare_layers(model, model, inputs, measure="cka", blocks=10)
    >>> [(one.layer, round(one.similarity.value, 6)) for one in comparison]
    [('0', 1.0), ('1', 1.0)]
    >>> round(comparison.layers[0].interval.low, 6)
    1.0
    """

    layer: str
    similarity: Similarity
    interval: Interval | None = None
    no_interval: str = ""
    null_permuted: float = float("nan")

    def words(self) -> str:
        """Return the value, its interval and its nulls in a line."""
        found, interval = self.similarity, self.interval
        parts = [f"{self.layer}: {found.value:.3f}"]
        if interval:
            parts[0] += f" [{interval.low:.3f}, {interval.high:.3f}]"
        if found.null == found.null:
            parts.append(f"null {found.null:.3f}")
        if self.null_permuted == self.null_permuted:
            parts.append(f"images shuffled {self.null_permuted:.3f}")
        return ", ".join(parts)

    def row(self) -> dict[str, Any]:
        """Return the row of a frame."""
        interval, nan = self.interval, float("nan")
        return {
            "layer": self.layer,
            **self.similarity.row(),
            "corrected": interval.corrected if interval else nan,
            "low": interval.low if interval else nan,
            "high": interval.high if interval else nan,
            "level": interval.level if interval else nan,
            "null_permuted": self.null_permuted,
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class LayerComparison(Result):
    """How similar the layers of two networks are.

    Attributes
    ----------
    measure : str
        The measure used.
    layers : tuple of LayerSimilarity
        One per layer that both networks have, in the order of execution.
    grid : mapping
        (layer of the first, layer of the second) -> Similarity; all pairs of layers with the
        same samples where the grid was computed, else the matched ones.
    unmatched_x, unmatched_y : tuple of str
        Layers that only one of the networks has.
    details : mapping
        Mode, tap, accumulator, number of images, and layers that could not be compared.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> import regions
    >>> model = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
    >>> inputs = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    >>> comparison = regions.compare_layers(model, model, inputs, measure="cka", blocks=10)
    >>> len(comparison), comparison.matrix.shape, round(comparison["1"].value, 6)
    (2, (2, 2), 1.0)
    """

    measure: str
    layers: tuple[LayerSimilarity, ...]
    grid: Mapping[tuple[str, str], Similarity]
    unmatched_x: tuple[str, ...] = ()
    unmatched_y: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", MappingProxyType(dict(self.grid)))
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[LayerSimilarity]:
        return iter(self.layers)

    def __getitem__(self, layer: str) -> Similarity:
        """Return the similarity of one layer of both networks."""
        for found in self.layers:
            if found.layer == layer:
                return found.similarity
        raise KeyError(f"{layer!r} was not compared; compared: {[f.layer for f in self.layers]}")

    @property
    def apart(self) -> Mapping[str, str]:
        """Layers of both networks whose samples differ, with the reason."""
        return self.details.get("apart", {})

    @property
    def matrix(self) -> pd.DataFrame:
        """Values layer by layer: rows of the first network, columns of the second; NaN unknown."""
        rows = dict.fromkeys(name for name, _ in self.grid)
        columns = dict.fromkeys(name for _, name in self.grid)
        values = [
            [self.grid[a, b].value if (a, b) in self.grid else float("nan") for b in columns]
            for a in rows
        ]
        return pd.DataFrame(
            values,
            index=pd.Index(list(rows), name="layer of the first network"),
            columns=pd.Index(list(columns), name="layer of the second network"),
        )

    def to_frame(self, brief: bool = False) -> pd.DataFrame:
        """Return one row per layer: value, interval, nulls, ranks, dead units, status.

        With `brief` only what a reader compares, without columns that are empty here.
        """
        columns = list(LayerSimilarity(layer="", similarity=Similarity.unknown(self.measure)).row())
        frame: Any = pd.DataFrame([found.row() for found in self.layers], columns=columns)
        return frame[[*_BRIEF]].dropna(axis=1, how="all") if brief else frame

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the coefficients, JSON-ready."""
        return jsonable(
            {
                "measure": self.measure,
                "layers": [found.row() for found in self.layers],
                "grid": [
                    {"layer_x": a, "layer_y": b, "value": pair.value}
                    for (a, b), pair in self.grid.items()
                ],
                "unmatched_x": self.unmatched_x,
                "unmatched_y": self.unmatched_y,
                "details": self.details,
            }
        )

    def summary(self) -> str:
        """Return the values with their nulls and intervals, and what to be careful about."""
        frame = self.to_frame()
        values = pd.Series(frame["value"].to_numpy(dtype=float), index=frame["layer"].to_list())
        lines = [f"{self.measure} of {len(self)} layers over {self.details.get('images')} images"]
        if not self.layers:
            lines.append("no layer has one name on both sides: see `matrix` for all pairs")
        if values.notna().any():
            least, most = str(values.idxmin()), str(values.idxmax())
            if self.measure.endswith("_distance"):
                least, most = most, least
            lines.append(
                f"least similar: {least} ({values[least]:.3f}); "
                f"most similar: {most} ({values[most]:.3f}); median {values.median():.3f}"
            )
        lines += [found.words() for found in self.layers]
        lines += _key(self.layers)
        dead = frame.loc[frame["dead_x"] + frame["dead_y"] > 0]
        if len(dead):
            first = dead["layer"].iloc[0]
            lines.append(f"{len(dead)} layers have dead units, 0 on all images (first: {first})")
        statuses = dict.fromkeys(found.similarity.status for found in self.layers)
        for status in (status for status in statuses if status is not SimilarityStatus.OK):
            names = [found.layer for found in self.layers if found.similarity.status is status]
            lines.append(f"{status} ({', '.join(names)}): {status.meaning}")
        lines += [f"{name}: not comparable, {why}" for name, why in self.apart.items()]
        levels = {found.interval.level for found in self.layers if found.interval}
        for level in levels:
            lines.append(
                f"[...]: {level:.0%} intervals ({self.details.get('blocks')} blocks of images left "
                "out in turn), around the value without the bias of so few images (corrected); "
                "they cover the value that these two networks would have on all images of this "
                "kind, not other training seeds"
            )
        for reason in dict.fromkeys(found.no_interval for found in self.layers):
            if reason:
                names = [found.layer for found in self.layers if found.no_interval == reason]
                lines.append(f"no interval for {', '.join(names)}: {reason}")
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None, kind: Literal["curve", "map"] = "curve") -> Axes:
        """Draw similarity by layer with intervals ("curve"), or layer by layer ("map")."""
        from regions.representations.plots import plot_curves, plot_map

        check_name("kind", kind, ("curve", "map"))
        if kind == "map":
            return plot_map(self.matrix, ax=ax)
        return plot_curves(self.to_frame(), hue=None, ax=ax)


def _key(layers: tuple[LayerSimilarity, ...]) -> list[str]:
    """Return what the nulls that some layer has mean."""
    words = []
    if any(found.similarity.null == found.similarity.null for found in layers):
        words.append(
            "null: what independent layers of these sizes and variances score, if samples are "
            "independent of each other"
        )
    if any(found.null_permuted == found.null_permuted for found in layers):
        words.append(
            "images shuffled: the score with whole images of one network in another order, which "
            "keeps the positions of an image together; judge layers of maps by this null"
        )
    return words
