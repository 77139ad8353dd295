"""Tables of recall in the forms that people have them, as one tidy frame.

Long tables have a row per model, ratio and class; wide ones a column per class. The dense
networks stand in columns of their own (`correct_dense`), or in rows of ratio "dense". Numbers are
counts, fractions or per cent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from regions.errors import ArgumentError, DataError

KEYS = ["ratio", "model", "class"]
NUMBERS = ["n", "correct_dense", "correct_pruned"]
SETTING = ["dataset", "arch", "algorithm"]
COLUMNS = (
    "columns model, ratio, class, n and either correct_dense and correct_pruned, or correct with "
    "rows of ratio 'dense'; recall_dense, recall_pruned and recall may stand for them, as "
    "fractions or per cent; correct_both, the images that both networks get right, if known: the "
    "corrected alpha is a number only with it, and lies within bounds without; dataset, arch and "
    "algorithm, if there are several; or, wide, model, ratio and one column per class, with rows "
    "of ratio 'dense' and one row of model 'n'"
)
_OTHER_NAMES = {
    "seed": "model",
    "network": "model",
    "compression": "ratio",
    "compression_ratio": "ratio",
    "label": "class",
    "class_name": "class",
    "images": "n",
    "support": "n",
    "size": "n",
    "architecture": "arch",
    "data_set": "dataset",
    "k_both": "correct_both",
}
_DENSE = "dense"
_OFF = 0.1  # images by which a rounded recall may miss a whole number
_MANY = 400  # images of a class of which 100 right ones are fewer than a network gets
# rows of a table of recalls that are no class, and columns of a wide one
_SUMMARIES = {"accuracy", "acc", "total", "overall", "mean", "average"}
_SUMMARIES |= {"macro_avg", "micro_avg", "weighted_avg", "samples_avg"}
_NO_COLUMNS = _SUMMARIES | {"epoch", *_OTHER_NAMES}


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame in the one form of `RecallTable.from_frame`.

    Examples
    --------
    >>> rows = [("a", "dense", 90, 80), ("a", 10, 70, 60), ("n", "dense", 100, 100)]
    >>> tidy(pd.DataFrame(rows, columns=["Seed", "Ratio", "cat", "dog"]))[NUMBERS].values.tolist()
    [[100, 90, 70], [100, 80, 60]]
    """
    if not isinstance(frame, pd.DataFrame):
        raise ArgumentError(f"frame is {type(frame).__name__}; expected a pandas.DataFrame")
    if not len(frame):
        raise DataError(f"the table has no rows, only the columns {[*frame.columns]}")
    frame = frame.rename(columns={name: _name(name) for name in frame.columns})
    others = {old: new for old, new in _OTHER_NAMES.items() if new not in frame.columns}
    frame = frame.rename(columns={name: others.get(_word(name), name) for name in frame.columns})
    double = frame.columns[frame.columns.duplicated()]
    if len(double):
        raise DataError(f"two columns are called {double[0]!r}; the frame has {[*frame.columns]}")
    frame = _unsigned(frame)
    if "class" not in frame.columns and {"model", "ratio"} <= set(frame.columns):
        frame = _long(frame)
    frame = _counted(frame)
    if "correct" in frame.columns and "correct_dense" not in frame.columns:
        frame = _beside(frame)
    missing = [name for name in [*KEYS, *NUMBERS] if name not in frame.columns]
    if missing:
        raise DataError(
            f"columns {missing} are missing; the frame has {[*frame.columns]}. Expected are "
            f"{COLUMNS}"
        )
    _check_classes(frame["class"].unique(), _SUMMARIES)
    if "correct_both" in frame.columns and frame["correct_both"].isna().to_numpy().all():
        return frame.drop(columns="correct_both")
    return frame


def _unsigned(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with numbers for cells such as "97.8 %", as fractions, and ratios "50x"."""
    frame, sizes = frame.copy(), _sizes(frame)
    for name in frame.columns:
        if name in ("model", "class", *SETTING) or pd.api.types.is_numeric_dtype(frame[name]):
            continue
        words = frame[name].astype(str).str.strip()
        if name == "ratio":
            times = words.str.fullmatch(r"[0-9.]+ ?[xX×]")
            frame[name] = frame[name].where(~times, words.str.rstrip("xX× "))
        signed = words.str.fullmatch(r"[0-9]*[.,]?[0-9]+ ?%")
        if not signed.any():
            continue
        shares = words[signed].str.rstrip("% ").str.replace(",", ".", regex=False).astype(float)
        numbers = cast(pd.Series, pd.to_numeric(words, errors="coerce"))
        numbers[signed] = shares / 100
        odd = np.flatnonzero(~sizes & frame[name].notna() & (~signed | (numbers > 1)))
        if odd.size:
            raise DataError(
                f"{name} of {_cell(frame, int(odd[0]))} is {words.iloc[odd[0]]!r}, in a column of "
                "per cent; expected 0 % to 100 %, each with its sign"
            )
        frame[name] = numbers
    return frame


def _sizes(frame: pd.DataFrame) -> pd.Series:
    """Return which rows of a wide table hold the number of test images."""
    if "model" not in frame.columns:
        return pd.Series(False, index=frame.index)
    return frame["model"].astype(str).str.lower().isin(["n", "images", "size"])


def holds_names(column: str) -> bool:
    """Tell whether a column holds names, of models or of classes.

    Examples
    --------
    >>> holds_names("Class Name"), holds_names("n")
    (True, False)
    """
    return _OTHER_NAMES.get(_word(column), _word(column)) in ("model", "class")


def _check_classes(classes: Iterable[Any], others: Collection[str]) -> None:
    odd = [name for name in classes if _word(name) in others]
    if odd:
        raise DataError(
            f"{odd[0]!r} stands among the classes, but is the name of something else; leave it "
            "out, or rename the class"
        )


def unused_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns of a tidy frame that no analysis reads."""
    known = [*KEYS, *NUMBERS, *SETTING, "correct_both", "correct"]
    return tuple(str(name) for name in frame.columns if name not in known)


def _name(name: Any) -> Any:
    """Return a known column's name in the one spelling, or the name of a class as it is."""
    text = _word(name)
    known = [*KEYS, *NUMBERS, *SETTING, "correct", "correct_both"]
    known += ["recall", "recall_dense", "recall_pruned", "recall_both"]
    return text if text in known else name


def _word(name: Any) -> str:
    return str(name).strip().lower().replace(" ", "_").replace("-", "_")


def _long(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a wide table with one row per class."""
    keys = [name for name in [*SETTING, "model", "ratio", "n"] if name in frame.columns]
    classes = [name for name in frame.columns if name not in keys]
    if len(classes) < 2:
        raise DataError(f"the frame has the columns {[*frame.columns]}; expected {COLUMNS}")
    _check_classes(classes, _NO_COLUMNS)
    numbers = frame.loc[:, classes].apply(pd.to_numeric, errors="coerce")
    if numbers.isna().to_numpy().any():
        row, column = np.argwhere(numbers.isna().to_numpy())[0]
        found = frame[classes[column]].iloc[row]
        raise DataError(
            f"{_cell(frame, row)} has {'nothing' if pd.isna(found) else repr(found)} for class "
            f"{classes[column]!r}; expected a number for every class"
        )
    sizes = _sizes(frame)
    long = frame.loc[~sizes].melt(keys, classes, var_name="class", value_name="correct")
    if sizes.any():
        if "n" in keys or (numbers[sizes] != numbers[sizes].iloc[0]).to_numpy().any():
            raise DataError(
                "the test images of the classes are given more than once, in a column n or size "
                "and in a row of model 'n', or in rows that differ; give one row of model 'n'"
            )
        long["n"] = long["class"].map(numbers[sizes].iloc[0])
    if "n" not in long.columns:
        raise DataError(
            "the table has a column per class, but does not say how many test images each class "
            "has; add a row of model 'n' with these numbers, or a column n"
        )
    as_recall = _are_shares(long["correct"], long["n"])
    return long.rename(columns={"correct": "recall"}) if as_recall else long


def _are_shares(values: pd.Series, n: pd.Series) -> bool:
    """Tell whether numbers are fractions or per cent: counts are whole."""
    numbers = values.to_numpy(dtype=float)
    whole = (numbers == np.rint(numbers)).all()
    if whole and 1 < numbers.max() <= 100 and n.min() >= _MANY:
        raise DataError(
            f"all numbers are whole and at most 100, of {n.min():g} images and more: per cent, or "
            "counts of very few? Divide by 100 if they are per cent; give counts in a column "
            "correct, one row per class"
        )
    return bool((numbers != np.rint(numbers)).any() or (numbers.max() <= 1 < n.min()))


def _counted(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with counts in place of recalls."""
    frame = frame.copy()
    shares = [name for name in frame.columns if str(name).startswith("recall")]
    scale = _scale_of(frame, shares)
    for name in shares:
        count = str(name).replace("recall", "correct")
        if count in frame.columns:
            continue
        if "n" not in frame.columns:
            raise DataError(
                f"{name} is a share, and a test needs counts: add a column n, the test images of "
                "each class, so that correct = recall x n"
            )
        frame[count] = _counts(frame, name, scale)
    return frame.drop(columns=shares)


def _scale_of(frame: pd.DataFrame, shares: Sequence[str]) -> float:
    """Return of what recalls are shares: 1, or 100 where they are per cent."""
    numbers = frame[[*shares]].apply(pd.to_numeric, errors="coerce")
    tops = {name: top for name, top in numbers.max().items() if top > 0}
    high = [name for name in tops if tops[name] > 1]
    low = [name for name in tops if tops[name] <= 1]
    if high and low and max(tops.values()) <= 100:
        raise DataError(
            f"{high[0]} runs to {tops[high[0]]:g}, but {low[0]} to {tops[low[0]]:g} alone: per "
            "cent, or fractions? Give all recalls as one or the other"
        )
    return 100.0 if high else 1.0


def _counts(frame: pd.DataFrame, name: str, scale: float) -> np.ndarray:
    values, sizes = (_numbers(frame, column) for column in (name, "n"))
    top = np.nanmax(values, initial=0.0)
    if not np.isfinite(values).all() or values.min(initial=0.0) < 0 or top > 100:
        raise DataError(f"{name} runs to {top:g}; expected fractions or per cent in every row")
    exact = values * sizes / scale
    counts = np.rint(exact)
    off = np.abs(exact - counts)
    if (off > _OFF).any():
        row = int(off.argmax())
        raise DataError(
            f"{name} of {_cell(frame, row)} is {values[row]:g}{' %' if scale > 1 else ''} of "
            f"{sizes[row]:g} images, which is {exact[row]:.2f}, no whole number; give counts "
            "(correct_dense, correct_pruned), more digits, or the right n"
        )
    return counts.astype(np.int64)


def _numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    numbers = cast(pd.Series, pd.to_numeric(frame[name], errors="coerce"))
    odd = np.flatnonzero(numbers.isna() & frame[name].notna())
    if odd.size:
        row = int(odd[0])
        raise DataError(
            f"{name} of {_cell(frame, row)} is {frame[name].iloc[row]!r}; expected a number"
        )
    return numbers.to_numpy(dtype=float)


def _cell(frame: pd.DataFrame, row: int) -> str:
    """Return where a number stands, whatever the form of the table was."""
    keys = [name for name in ("model", "class", "ratio") if name in frame.columns]
    return ", ".join(f"{name} {frame[name].iloc[row]}" for name in keys) or f"row {row + 1}"


def _beside(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with each dense network's count beside those of its pruned networks."""
    words = frame.loc[:, "ratio"].astype(str).str.strip().str.lower()
    dense = words == _DENSE
    if not dense.any():
        dense = cast(pd.Series, pd.to_numeric(words, errors="coerce")) == 1
    if not dense.any():
        raise DataError(
            "no row is of a dense network; give its rows the ratio 'dense', or put its counts into "
            "a column correct_dense"
        )
    keys = [name for name in [*SETTING, "model", "class"] if name in frame.columns]
    own = frame.loc[dense].rename(columns={"correct": "correct_dense"})
    own = own[[*keys, "correct_dense"]].assign(_n=own["n"] if "n" in own.columns else None)
    _check_once(own, keys)
    pruned = frame.loc[~dense].rename(columns={"correct": "correct_pruned"})
    joined = pruned.merge(own, on=keys, how="left")
    lost = joined.index[joined["correct_dense"].isna()]
    if len(lost):
        row = joined.loc[lost[0]]
        raise DataError(
            f"model {row['model']!r} has class {row['class']!r} at ratio {row['ratio']} but not "
            "dense; give every model a row of ratio 'dense' for every class"
        )
    _check_sizes(joined)
    numbers = cast(pd.Series, pd.to_numeric(joined["ratio"], errors="coerce"))
    if numbers.isna().any():
        odd = joined.loc[numbers.isna().idxmax(), "ratio"]
        raise DataError(f"ratio is {odd!r}; expected a compression ratio, or 'dense'")
    return joined.drop(columns="_n").assign(ratio=numbers)


def _check_sizes(joined: pd.DataFrame) -> None:
    """Refuse other test images for a dense network than for its pruned ones."""
    if "n" not in joined.columns:
        return
    differ = np.flatnonzero((joined["n"] != joined["_n"]) & joined["n"].notna())
    if differ.size:
        row = joined.iloc[int(differ[0])]
        raise DataError(
            f"test sets differ: n is {row['n']} for class {row['class']} of model "
            f"{row['model']} at ratio {row['ratio']}, but {row['_n']} in its dense row; all "
            "networks of a table must be measured on the same images"
        )


def _check_once(rows: pd.DataFrame, keys: Sequence[str]) -> None:
    double = np.flatnonzero(rows.duplicated([*keys]))
    if double.size:
        raise DataError(f"two dense rows for {rows.iloc[int(double[0])][[*keys]].to_dict()}")
