"""What a tidy frame of recalls holds, checked."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from regions.errors import DataError
from regions.recall.checks import as_counts
from regions.recall.forms import KEYS, NUMBERS, SETTING, tidy, unused_columns


def split_settings(frame: pd.DataFrame) -> list[tuple[dict[str, str], pd.DataFrame]]:
    """Return the rows of each setting (data set, architecture, algorithm) by themselves."""
    frame = tidy(frame)
    names = [
        name for name in SETTING if name in frame.columns and frame[name].notna().to_numpy().any()
    ]
    for name in names:
        blank = np.flatnonzero(frame[name].isna())
        if blank.size:
            raise DataError(
                f"{name} is given in some rows only, not in row {int(blank[0]) + 1}; give it in "
                "every row, or in none"
            )
    if not names:
        return [({}, frame)]
    keys = list(zip(*(frame[name].astype(str) for name in names), strict=True))
    number = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    numbers = np.array([number[key] for key in keys])
    return [
        (dict(zip(names, key, strict=True)), frame.loc[numbers == index])
        for key, index in number.items()
    ]


def parts_of(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the fields of the table of a tidy frame; see `RecallTable.from_frame`."""
    frame = tidy(frame)
    settings = split_settings(frame)
    if len(settings) != 1:
        found = [", ".join(setting.values()) for setting, _ in settings]
        raise DataError(f"a table holds one setting, the frame {len(settings)}: {found[:4]}")
    ordered = _complete(frame)
    ratios, models, classes = (list(dict.fromkeys(ordered[name])) for name in KEYS)
    shape = (len(ratios), len(models), len(classes))
    names = [*NUMBERS, *(["correct_both"] if "correct_both" in frame.columns else [])]
    cube = {
        name: as_counts(ordered[name].infer_objects().to_numpy(), name).reshape(shape)
        for name in names
    }
    for t, m, c in np.argwhere(cube["n"] != cube["n"][0, 0])[:1]:
        raise DataError(
            f"test sets differ: n is {cube['n'][t, m, c]} for class {classes[c]!r} of model "
            f"{models[m]!r} at ratio {ratios[t]:g}, but {cube['n'][0, 0, c]} before; all networks "
            "of a table must be measured on the same images"
        )
    dense = cube["correct_dense"]
    for t, m, c in np.argwhere(dense != dense[0])[:1]:
        raise DataError(
            f"model {models[m]!r} has {dense[0, m, c]} and {dense[t, m, c]} as correct_dense of "
            f"class {classes[c]!r} at different ratios; a model has one dense network (different "
            "dense networks need different model names)"
        )
    return dict(
        ratios=tuple(float(ratio) for ratio in ratios),
        classes=tuple(classes),
        sizes=cube["n"][0, 0],
        dense=dense[0],
        pruned=cube["correct_pruned"],
        both=cube.get("correct_both"),
        model_ids=tuple(str(model) for model in models),
        setting=settings[0][0],
        unused=unused_columns(frame),
    )


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows sorted by ratio, models and classes in order of appearance."""
    keys = frame[KEYS]
    blank = np.argwhere(keys.isna().to_numpy())
    if blank.size:
        raise DataError(
            f"{KEYS[blank[0, 1]]} is missing in row {blank[0, 0] + 1}; model, ratio and class must "
            "be given in every row"
        )
    double = np.flatnonzero(keys.duplicated())
    if double.size:
        raise DataError(f"two rows for {keys.iloc[int(double[0])].to_dict()}; expected one")
    ordered = frame.copy()
    try:
        ordered["ratio"] = ordered["ratio"].astype(float)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"ratio must be numbers: {error}") from error
    for name in ("model", "class"):
        ordered[name] = pd.Categorical(ordered[name], list(dict.fromkeys(ordered[name])))
    ordered = ordered.sort_values(KEYS)
    ratios, models, classes = (len(set(ordered[name])) for name in KEYS)
    if len(ordered) != ratios * models * classes:
        there = set(ordered[KEYS].itertuples(index=False, name=None))
        every = product(*(list(dict.fromkeys(ordered[name])) for name in KEYS))
        ratio, model, label = next(cell for cell in every if cell not in there)
        raise DataError(
            f"{len(ordered)} rows for {ratios} ratios, {models} models and {classes} classes: "
            "every model needs every ratio and every class, and the first missing row is that of "
            f"model {model!r}, class {label!r} at ratio {ratio:g}"
        )
    return ordered
