"""What an atlas found, in a few sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from regions.atlas.measure import CONTROL, DENSE


def sentences(table: pd.DataFrame, layers: pd.DataFrame, recall: Any) -> tuple[str, ...]:
    """Return up to five sentences: accuracy, regions, the layer that changed most, recall.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per method and density, as `Findings.table`.
    layers : pandas.DataFrame
        One row per network and layer, as `Findings.layers`.
    recall : pandas.DataFrame or None
        The tests, as `Findings.recall`.
    """
    rows = table.loc[~table["method"].isin((DENSE, CONTROL))]
    dense = table[table["method"] == DENSE].iloc[0]
    least = rows.loc[rows["density"] == rows["density"].min()]
    found = [*_accuracy(dense, least), *_regions(dense, least), *_layer(layers, least)]
    return (*found, *_recall(recall))


def _accuracy(dense: Any, least: pd.DataFrame) -> Iterator[str]:
    known = least.loc[least["accuracy"].notna()]
    if known.empty:
        return
    accuracy = known["accuracy"]
    best, worst = known.loc[accuracy.idxmax()], known.loc[accuracy.idxmin()]
    density = f"At density {best['density']:g}"
    text = f"{density} {best['method']} keeps {best['accuracy']:.1%} accuracy"
    if worst["method"] != best["method"]:
        text += f" and {worst['method']} {worst['accuracy']:.1%}"
    yield f"{text}; the dense networks have {dense['accuracy']:.1%}."


def _regions(dense: Any, least: pd.DataFrame) -> Iterator[str]:
    known = least.loc[least["regions_plane"].notna()]
    if known.empty or not dense["regions_plane"] > 0:
        return
    shares = known["regions_plane"] / dense["regions_plane"]
    parts = [
        f"{share:.3g} with {name}" for name, share in zip(known["method"], shares, strict=True)
    ]
    yield (
        f"Of the dense networks' linear regions on a plane that density leaves the fraction "
        f"{', '.join(parts)}."
    )


def _layer(layers: pd.DataFrame, least: pd.DataFrame) -> Iterator[str]:
    if layers.empty or least.empty:
        return
    density = least["density"].iloc[0]
    part = layers.loc[(layers["density"] == density) & ~layers["method"].isin((DENSE, CONTROL))]
    means = part.assign(svcca=part["svcca"].astype(float)).groupby("layer", sort=False)["svcca"]
    values = means.mean().dropna()
    if len(values):
        yield (
            f"The layer that changed most is {values.idxmin()} (SVCCA to the dense network "
            f"{values.min():.2f}, mean over methods)."
        )


def _recall(recall: Any) -> Iterator[str]:
    if recall is None:
        return
    rows = recall[recall["method"] != CONTROL]
    up = rows[rows["verdict"] == ">"]
    if len(up):
        where = _listed([f"{r.method} at {r.density:g}" for r in up.itertuples()])
        yield f"Classes of low recall lost more than the others with {where}."
    elif rows["estimate"].notna().any():
        yield "That classes of low recall lost more than the others was not established."


def _listed(names: Sequence[str]) -> str:
    shown = list(dict.fromkeys(names))
    more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
    return ", ".join(shown[:4]) + more
