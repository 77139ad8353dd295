"""Recall distortion of pruned networks: the tests of Good et al. (2022), naive and corrected.

    python -m analyses.recall_distortion --data COUNTS.npz     the published networks again
    python -m analyses.recall_distortion                       own networks, digits by default

Own networks: many seeds per width as one stack, pruned by magnitude (MP), gradient (GP), undecayed
(UP) and random (RP) at each ratio and fine-tuned; the control arm (ratio 1) is fine-tuned without
pruning. Then the four families of hypotheses: ratio, model size, task, algorithm, each as
published (uncorrected slopes) and corrected for measurement noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import regions
from analyses import recall_published
from analyses.catalogue import Entry
from analyses.study import Study, launch
from regions.errors import ArgumentError
from regions.figures import figure_style
from regions.recall import trend
from regions.recall.inference import adjust
from regions.training import DataSet, Recipe, Split, build_model, evaluate, load_data, train
from regions.training.datasets import split_by_class

ENTRY = Entry(
    figure="Good et al. 2022, Figures 1 and 5",
    minutes=0.7,
    inputs="digits or --sources PATH ...; --data COUNTS.npz for the published networks",
)
ALGORITHMS = {"MP": "magnitude", "GP": "gradient", "UP": "undecayed", "RP": "random"}
CONTROL = 1.0


@dataclass(frozen=True, kw_only=True)
class RecallDistortion(Study):
    """All networks of one data set and width, dense, pruned and fine-tuned."""

    axes = {"dataset": "sources", ("width", "algorithms"): "sizes"}
    choosing = ("data", "widths")
    small = {
        "widths": (10, 20),
        "ratios": (2, 10),
        "seeds": 4,
        "epochs": 10,
        "finetune_epochs": 3,
    }
    shown = ("own/summary", "own/hypotheses")
    published = (recall_published.PUBLISHED,)

    data: Path | None = None
    """Recovered counts of the published networks; without it, own networks are trained."""
    sources: tuple[str, ...] = ("digits",)
    """Data sets from the easiest to the hardest: "digits", or paths."""
    widths: tuple[int, ...] = (25, 50, 100)
    """Units of each of the two hidden layers; all algorithms are run on the largest."""
    ratios: tuple[float, ...] = (2, 4, 10, 20, 50)
    seeds: int = 30
    epochs: int = 20
    finetune_epochs: int = 10
    weight_decay: float = 5e-4
    test_fraction: float = 0.5
    """Of digits: the share of all images that is measured on, since the usual fifth is few."""
    limit: int | None = None
    """Training images at most."""

    @property
    def sizes(self) -> tuple[tuple[int, list[str]], ...]:
        """Every width with its algorithms, all of them on the largest."""
        largest = max(self.widths)
        few, every = ["MP", "UP"], list(ALGORITHMS)
        return tuple((width, every if width == largest else few) for width in self.widths)

    def settled(self) -> Study:
        """Return the study of own networks, or that of the published ones."""
        if self.data is None:
            return super().settled()
        given = {"workers": self.workers, "progress": self.progress}
        return recall_published.Published(data=self.data, out=self.out, **given)

    def cost(self, width: int, algorithms: list[str], **_: Any) -> float:
        """Return a number about proportional to the weights that are trained."""
        return len(algorithms) * width

    def measure(self, dataset: str, width: int, algorithms: list[str]) -> pd.DataFrame:
        """Train, prune and fine-tune all networks of one data set and width; return their counts.

        One row per network and class.
        """
        data = _data(dataset, self.test_fraction, self.limit)
        recipe = partial(Recipe, lr=0.05, weight_decay=self.weight_decay)
        shape, classes, seeds = data.image_shape, data.classes, range(self.seeds)
        models = [
            build_model("mlp", shape, classes, seed=seed, hidden=(width, width)) for seed in seeds
        ]
        dense = train(models, data, recipe(epochs=self.epochs))
        arms = [(name, ratio) for name in algorithms for ratio in (CONTROL, *self.ratios)]
        starts = [dense.model(seed) for _ in arms for seed in seeds]
        masks = [
            _masks(dense.model(seed), name, ratio, seed, data, self.weight_decay)
            for name, ratio in arms
            for seed in seeds
        ]
        tuned = train(
            starts, data, recipe(epochs=self.finetune_epochs, lr=0.01), masks=masks,
            seeds=[1000 + seed for _ in arms for seed in seeds],
        )  # fmt: skip
        before = evaluate(dense, data.test).predictions
        after = evaluate(tuned, data.test).predictions.reshape(len(arms), len(seeds), -1)
        frames = []
        for name in algorithms:
            pruned = {ratio: after[row] for row, (arm, ratio) in enumerate(arms) if arm == name}
            table = regions.RecallTable.from_predictions(data.test.labels, before, pruned)
            frames.append(table.to_frame().assign(algorithm=name))
        return pd.concat(frames, ignore_index=True)

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return the counts, alpha of every setting, and the tests of all families."""
        counts = rows.assign(arch=rows["width"].map("mlp-{0}-{0}".format))
        tables = read_tables(counts)
        alpha = estimates(tables)
        shown = ["dataset", "arch", "algorithm", "ratio", "analysis", "estimate", "low", "high",
                 "null_value", "pvalue_adjusted", "verdict", "reliability"]  # fmt: skip
        return {
            "own/counts": counts,
            "own/alpha": alpha,
            "own/summary": alpha[shown],
            "own/hypotheses": hypotheses(tables),
        }

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"own/alpha": draw(read_tables(tables["own/counts"]))}


def _data(source: str, test_fraction: float, limit: int | None) -> DataSet:
    data = load_data(source, limit=limit, validation=0.0 if source == "digits" else 0.1)
    if source != "digits":
        return data
    # a fifth of 1,797 images is 36 per class, too few to tell classes apart
    inputs = np.concatenate([data.train.inputs, data.test.inputs])
    labels = np.concatenate([data.train.labels, data.test.labels])
    count = round(test_fraction * len(labels))
    test, rest = split_by_class(labels, count, np.random.default_rng(0))
    parts = {"train": Split(inputs[rest], labels[rest]), "test": Split(inputs[test], labels[test])}
    return replace(data, **parts)


def _masks(model, algorithm: str, ratio: float, seed: int, data, weight_decay: float):
    """Return the masks of one network, all layers ranked together; None for the control arm."""
    if ratio == CONTROL:
        return None
    options = {}
    if algorithm in ("GP", "UP"):
        options = {"inputs": data.train.inputs[:1000], "labels": data.train.labels[:1000],
                   "weight_decay": weight_decay, "gradient": "regularised"}  # fmt: skip
    return regions.prune(
        model, 1 / ratio, ALGORITHMS[algorithm], scope="global", prune_output=True, rng=seed,
        **options,
    )  # fmt: skip


def read_tables(frame: pd.DataFrame) -> dict[tuple[str, int, str], regions.RecallTable]:
    """Return one table per data set, width and algorithm."""
    columns = ["dataset", "arch", "algorithm", "ratio", "model", "class", "n", "correct_dense",
               "correct_pruned", "correct_both"]  # fmt: skip
    return {
        (str(source), int(width), str(name)): regions.RecallTable.from_frame(part[columns])
        for (source, width, name), part in frame.groupby(
            ["dataset", "width", "algorithm"], sort=False
        )
    }


def estimates(tables: dict[tuple[str, int, str], regions.RecallTable]) -> pd.DataFrame:
    """Return alpha of every setting: as published, corrected, against equal log-odds, control."""
    kinds = {
        "published": {"paper": True},
        "corrected": {},
        "against equal log-odds": {"null": "logit_shift"},
        "against control": {"null": "control"},
    }
    frames = [
        regions.intensification(table, **options).to_frame().assign(analysis=kind)
        for table in tables.values()
        for kind, options in kinds.items()
    ]
    return pd.concat(frames, ignore_index=True)


def hypotheses(tables: dict[tuple[str, int, str], regions.RecallTable]) -> pd.DataFrame:
    """Return the tests of all families, naive (Bonferroni over the rows) and corrected (Holm)."""
    rows = [*_ratio_rows(tables), *_pair_rows(tables)]
    frame = pd.DataFrame(rows)
    for kind, correction in (("naive", "bonferroni"), ("corrected", "holm")):
        frame[f"p_{kind}"] = frame.groupby("family")[f"p_{kind}"].transform(
            lambda p, c=correction: adjust(p.to_numpy(), c)
        )
    return frame


def _ratio_rows(tables) -> list[dict]:
    rows = []
    for (source, width, name), table in tables.items():
        pruned = table.select([ratio for ratio in table.ratios if ratio != CONTROL])
        naive = trend(pruned, "ols", correction="none").steps
        try:
            corrected = trend(pruned, "moments", correction="none").steps
        except ArgumentError:  # dense recalls that differ by no more than noise: no slope
            corrected = naive.assign(rise=float("nan"), pvalue=float("nan"))
        for a, b in zip(naive.itertuples(), corrected.itertuples(), strict=True):
            what = f"{source} {width} {name}: {a.ratio:g} < {a.next_ratio:g}"
            rows.append({"family": "ratio", "hypothesis": what, "difference": b.rise,
                         "p_naive": a.pvalue, "p_corrected": b.pvalue, "paired": True})  # fmt: skip
    return rows


def _pair_rows(tables) -> list[dict]:
    sources = list(dict.fromkeys(key[0] for key in tables))
    widths = sorted({key[1] for key in tables})
    top = widths[-1]
    pairs = [
        ("size", (source, small, name), (source, large, name), "greater")
        for source in sources
        for name in ("MP", "UP")
        for small, large in pairwise(widths)
    ]
    pairs += [("task", (a, top, "MP"), (b, top, "MP"), "less") for a, b in pairwise(sources)]
    pairs += [
        ("algorithm", (source, top, a), (source, top, b), "two-sided")
        for source in sources
        for a, b in combinations(ALGORITHMS, 2)
    ]
    rows = []
    for family, first, second, alternative in pairs:
        both = [tables[first], tables[second]]
        both = [table.select([t for t in table.ratios if t != CONTROL]) for table in both]
        naive, corrected = (
            regions.compare_intensification(
                *both, estimator=estimator, alternative=alternative, correction="none"
            )
            for estimator in ("ols", "moments")
        )
        sign = {"greater": ">", "less": "<", "two-sided": "!="}[alternative]
        for row, ratio in enumerate(naive.ratios):
            what = f"{' '.join(map(str, first))} {sign} {' '.join(map(str, second))} at {ratio:g}"
            rows.append({"family": family, "hypothesis": what,
                         "difference": corrected.difference[row], "p_naive": naive.pvalue[row],
                         "p_corrected": corrected.pvalue[row],
                         "paired": corrected.paired})  # fmt: skip
    return rows


def draw(tables: dict[tuple[str, int, str], regions.RecallTable]) -> Figure:
    """Draw alpha against the ratio for the largest networks of each data set and algorithm."""
    width = max(key[1] for key in tables)
    sources = list(dict.fromkeys(key[0] for key in tables))
    with figure_style("neurips", aspect=1.2, rows=2 * len(sources), columns=4):
        fig, axes = plt.subplots(2 * len(sources), 4, layout="constrained", sharex=True)
        for index, source in enumerate(sources):
            for column, name in enumerate(ALGORITHMS):
                top, below = axes[2 * index : 2 * index + 2, column]
                recall_published.draw_alpha(tables[source, width, name], top)
                recall_published.draw_excess(tables[source, width, name], below)
                top.set(title=f"{Path(source).stem}, {name}", xlabel="")
        for ax in axes[:, 1:].flat:
            ax.set_ylabel("")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=2)
    return fig


if __name__ == "__main__":
    launch("recall_distortion")
