"""A planted backdoor and the removal of units: a learned policy beside simpler ways to choose.

    python -m analyses.backdoor --data MNIST.npz     LeNet-5, a 3x3 patch
    python -m analyses.backdoor                      a small convolutional network on digits

For each seed a network is trained on images of which a tenth carry a patch and one class's label.
Then every method orders the hidden units, and they are removed in that order until accuracy on a
small clean set would fall by more than a tolerance; at last all are fine-tuned on that set. The
policy is ours, after the abstract of Li, Yu and Yi (arXiv 2405.17746): see
`regions.backdoor.neuron_policy`. It and the mask search optimise the same reward with
equally many evaluations. "oracle" orders by the response to the attacker's own patch, which no
defender has; it is no bound on what can be reached.

How to read it: on MNIST the reward decides, not the graph. With the inverted trigger in the reward
policy and mask search end the attack in most networks, and their intervals overlap; with accuracy
alone the policy does nothing, and without each unit's response to that trigger among its features
it often fails. A white patch where images are always black is easy to invert; other triggers may
not be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from analyses.catalogue import Entry
from analyses.study import Study, launch
from regions.backdoor import (
    GatedNetwork,
    Reward,
    Trigger,
    channel_lipschitzness,
    dormancy,
    first_removed,
    invert_triggers,
    learn_policy,
    neuron_graph,
    remove_until,
    search_masks,
    trigger_response,
)
from regions.figures import (
    PALETTE,
    figure_style,
    mean_intervals,
    plot_means,
    share_legend,
)
from regions.training import DataSet, Recipe, Split, build_model, evaluate, load_data, train
from regions.training.datasets import split_by_class

ENTRY = Entry(
    figure="Li, Yu & Yi 2024, after the abstract",
    minutes=None,
    inputs="digits or --data MNIST.npz",
)
NONE = "no pruning"
CURVES = ("random order", "fine-pruning", "channel Lipschitz", "inverted trigger", "mask search",
          "policy", "oracle")  # fmt: skip
ABLATIONS = ("policy, plain features", "policy, accuracy only")
METHODS = (NONE, *CURVES[:-1], *ABLATIONS, "oracle")
STAGES = {"removed": "units removed", "tuned": "then fine-tuned"}
DIGITS: dict[str, Any] = {
    "images": 1237,
    "clean": 200,
    "tests": 360,
    "size": 2,
    "model": "convnet",
    "epochs": 40,
    "search_images": 200,
    "counts": (1, 2, 4, 8, 12, 16, 24, 32),
}


@dataclass(frozen=True, kw_only=True)
class Backdoor(Study):
    """One poisoned network per seed, and every method against it."""

    axes = {"source": "data", "seed": "seeds"}
    small = {
        "data": "digits",
        "seeds": 2,
        "epochs": 10,
        "inversion_steps": 10,
        "steps": 2,
        "samples": 3,
        "tune_epochs": 1,
        "counts": (1, 16),
    }

    data: str = "digits"
    """Images of 12x12 or more; for "digits" most other settings are those of `DIGITS`."""
    seeds: int = 6
    images: int = 8000
    """Training images, poisoned ones included."""
    clean: int = 500
    """Clean images that the defender has; not among the training images."""
    tests: int = 4000
    """Test images for the table; a quarter of them for the curves."""
    share: float = 0.1
    """Poisoned training images over all."""
    size: int = 3
    """Side of the patch in pixels."""
    model: str = "lenet5"
    epochs: int = 8
    inversion_steps: int = 150
    search_images: int = 250
    """Clean images in the reward."""
    steps: int = 40
    """Steps of the policy; the mask search gets half, with twice as many sets each."""
    samples: int = 16
    """Sets of units per step of the policy."""
    tolerance: float = 0.02
    """Fall of the accuracy on the clean set at which removal stops."""
    tune_epochs: int = 10
    counts: tuple[int, ...] = (1, 2, 4, 8, 12, 16, 24, 32, 64)
    """Removed units on the curves."""

    def settled(self) -> Study:
        """Return the settings for images of 8x8 where the data are digits."""
        digits = self.smoke or self.data == "digits"
        return (replace(self, **DIGITS) if digits else self)._shrunk()

    def measure(self, source: str, seed: int) -> pd.DataFrame:
        """Plant a backdoor into one network, run every method against it, and measure."""
        case = Case.plant(self, source, seed)
        inverted = invert_triggers(
            case.network, case.clean.inputs, case.clean.labels,
            steps=self.inversion_steps, rng=seed,
        )  # fmt: skip
        suspect, inside = inverted.suspect, case.patch_share(inverted.masks[inverted.suspect])
        scores = order_units(case, inverted, seed, self)
        reward = Reward(network=case.network, inputs=case.clean.inputs, labels=case.clean.labels)
        sets = {
            name: remove_until(score, reward.accuracy, self.tolerance)
            for name, score in scores.items()
        }
        sets = {NONE: np.zeros(case.network.units.total, dtype=bool), **sets}
        few = case.fewer(max(self.tests // 4, 100), seed)
        rows = [few.measure(NONE, "curve", sets[NONE])]
        rows += [
            few.measure(name, "curve", first_removed(scores[name], count))
            for name in CURVES
            for count in self.counts
        ]
        rows += [case.measure(name, "removed", removed) for name, removed in sets.items()]
        rows += case.tune(sets, self.tune_epochs, seed)
        return pd.DataFrame(rows).assign(
            target=case.trigger.target, suspect=suspect, anomaly=inverted.anomaly[suspect],
            inside=inside,
        )  # fmt: skip

    def tables(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return all rows, and their means."""
        return {"backdoor": rows, "summary": tabulate(rows)}

    def figures(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
        """Return the only figure."""
        return {"backdoor": draw(tables["backdoor"])}

    def remarks(self, tables: Mapping[str, pd.DataFrame]) -> list[str]:
        """Return how well the attacker's patch was found."""
        return [suspicion(tables["backdoor"])]


def order_units(case: Case, inverted: Any, seed: int, study: Backdoor) -> dict[str, np.ndarray]:
    """Return every method's score of each unit; the highest goes first."""
    network, clean = case.network, case.clean
    others = clean.labels != inverted.suspect
    stamped = inverted.stamp(clean.inputs, inverted.suspect)
    response = trigger_response(network, clean.inputs[others], stamped[others])
    count = study.search_images
    few = {"network": network, "inputs": clean.inputs[:count], "labels": clean.labels[:count]}
    reward = Reward(**few, stamped=stamped[:count][others[:count]], target=inverted.suspect)
    steps, samples = study.steps, study.samples
    search = {"steps": steps, "samples": samples, "rng": seed}
    plain = neuron_graph(network, clean.inputs)
    graph = neuron_graph(network, clean.inputs, response)
    units = network.units.total
    test = case.test.inputs[case.test.labels != case.trigger.target]
    return {
        "random order": np.random.default_rng(seed).random(units),
        "fine-pruning": dormancy(network, clean.inputs),
        "channel Lipschitz": channel_lipschitzness(network.units),
        "inverted trigger": response,
        "mask search": search_masks(
            reward, units, steps=steps // 2, samples=2 * samples, rng=seed
        ).probabilities,
        "policy": learn_policy(graph, reward, **search).probabilities,
        "policy, plain features": learn_policy(plain, reward, **search).probabilities,
        "policy, accuracy only": learn_policy(graph, Reward(**few), **search).probabilities,
        "oracle": trigger_response(network, test, case.triggered),
    }


@dataclass(frozen=True)
class Case:
    """One network with a backdoor, and the images to defend it with and to measure it on."""

    model: nn.Module
    network: GatedNetwork
    trigger: Trigger
    data: DataSet
    test: Split

    @property
    def clean(self) -> Split:
        """The defender's images."""
        return self.data.validation

    @cached_property
    def triggered(self) -> np.ndarray:
        """The test images of other classes with the patch on them."""
        return self.trigger.attack(self.test.inputs, self.test.labels)

    @classmethod
    def plant(cls, study: Backdoor, source: str, seed: int) -> Case:
        """Train a network on poisoned images; the target class is the seed's last digit."""
        total = study.images + study.clean
        data = load_data(source, limit=total, validation=study.clean / total, rng=seed)
        trigger = Trigger(
            target=seed % data.classes, value=float(data.train.inputs.max()), size=study.size
        )
        images, labels, _ = trigger.poison(
            data.train.inputs, data.train.labels, study.share, rng=seed
        )
        model = build_model(study.model, data.image_shape, data.classes, seed=seed)
        recipe = Recipe(epochs=study.epochs, batch_size=64, schedule="cosine")
        poisoned = replace(data, train=Split(images, labels))
        model = train([model], poisoned, recipe, seeds=[seed]).model(0)
        network = GatedNetwork(model, data.image_shape)
        return cls(model, network, trigger, data, data.test).fewer(study.tests, seed)

    def fewer(self, count: int, seed: int) -> Case:
        """Return the case with `count` of its test images at most."""
        count = min(count, len(self.test))
        chosen, _ = split_by_class(self.test.labels, count, np.random.default_rng(seed))
        return replace(self, test=Split(self.test.inputs[chosen], self.test.labels[chosen]))

    def patch_share(self, mask: np.ndarray) -> float:
        """Return how much of a mask, (height, width), lies inside the attacker's patch."""
        patch = self.trigger.stamp(np.full((1, 1, *mask.shape), np.nan))[0, 0]
        return float(mask[np.isfinite(patch)].sum() / mask.sum())

    def measure(self, method: str, stage: str, removed: np.ndarray) -> dict:
        """Return accuracy and attack success without the `removed` units."""
        clean, triggered = self._begun
        accuracy = (self.network.classes(clean, removed) == self.test.labels).mean()
        hits = self.network.classes(triggered, removed) == self.trigger.target
        return _row(method, stage, int(removed.sum()), accuracy, hits.mean())

    @cached_property
    def _begun(self) -> tuple[Tensor, Tensor]:
        return self.network.begin(self.test.inputs), self.network.begin(self.triggered)

    def tune(self, sets: dict[str, np.ndarray], epochs: int, seed: int) -> list[dict]:
        """Return the same after fine-tuning each method's network on the clean images."""
        masks = [self.network.units.masks(removed) for removed in sets.values()]
        data = replace(self.data, train=self.clean)
        recipe = Recipe(epochs=epochs, lr=0.01, schedule="cosine")
        models, seeds = [self.model] * len(masks), [seed] * len(masks)
        result = train(models, data, recipe, masks=masks, seeds=seeds)
        accuracy = evaluate(result, self.test).accuracy
        target = np.full(len(self.triggered), self.trigger.target)
        success = evaluate(result, Split(self.triggered, target)).accuracy
        return [
            _row(method, "tuned", int(removed.sum()), accuracy[index], success[index])
            for index, (method, removed) in enumerate(sets.items())
        ]


def _row(method: str, stage: str, removed: int, accuracy: float, success: float) -> dict:
    return {"method": method, "stage": stage, "removed": removed, "accuracy": float(accuracy),
            "success": float(success)}  # fmt: skip


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds with 95 % intervals, in percent, one row per method and stage."""
    frame = frame[frame["stage"] != "curve"]
    frame = frame.assign(accuracy=100 * frame["accuracy"], success=100 * frame["success"])
    keys, table = ["method", "stage"], None
    for value in ("removed", "accuracy", "success"):
        part = intervals(frame, value, keys)[[*keys, "mean", "low", "high"]]
        part = part.rename(columns={"mean": value, "low": f"{value}_low", "high": f"{value}_high"})
        table = part if table is None else table.merge(part, on=keys, sort=False)
    assert table is not None
    return table.assign(seeds=frame["seed"].nunique())


def intervals(frame: pd.DataFrame, value: str, keys: list[str]) -> pd.DataFrame:
    """Return means with t intervals over seeds, those of percentages cut at 0 and 100."""
    table = mean_intervals(frame, value, keys)
    cut = {end: table[end].clip(0, None if value == "removed" else 100) for end in ("low", "high")}
    return table.assign(**cut)


def suspicion(frame: pd.DataFrame) -> str:
    """Return how well the attacker's patch was found, in a sentence."""
    seeds = frame.drop_duplicates("seed")
    right = int((seeds["target"] == seeds["suspect"]).sum())
    return (
        f"the suspected class is the target in {right} of {len(seeds)} networks; "
        f"{seeds['inside'].mean():.0%} of the inverted patch lies inside the true one, "
        f"anomaly {seeds['anomaly'].mean():.1f} (means)"
    )


def draw(frame: pd.DataFrame) -> Figure:
    """Draw accuracy and attack success against removed units, and where each method stops."""
    values = {"success": "attack success", "accuracy": "accuracy, clean images"}
    frame = frame.assign(**{value: 100 * frame[value] for value in values})
    with figure_style("jmlr", rows=2, columns=2, aspect=0.85):
        fig, axes = plt.subplots(2, 2, layout="constrained")
        for (value, name), (left, right) in zip(values.items(), axes, strict=True):
            draw_curves(frame, value, left)
            left.set(ylabel=f"{name} (%)\n(mean, 95% interval)")
            draw_stops(frame, value, right)
            right.set(xlabel=f"{name} (%)")
        share_legend(fig, columns=5)
    return fig


def draw_curves(frame: pd.DataFrame, value: str, ax: Axes) -> Axes:
    """Draw one value against the number of removed units."""
    part = frame[(frame["stage"] == "curve") & (frame["method"] != NONE)]
    look = {"interval": "bars", "within": (0, 100), "dodge": 1.07, "lw": 0.9, "ms": 3}
    plot_means(part, "removed", value, "method", order=CURVES, ax=ax, legend=False, **look)
    base = frame.loc[(frame["stage"] == "curve") & (frame["method"] == NONE), value].mean()
    ax.axhline(base, color="0.4", lw=0.8, ls=":")
    ax.set_xscale("log", base=2)
    counts = sorted(part["removed"].unique())
    ticks = [count for count in counts if count & (count - 1) == 0]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set(xlabel="units removed", ylim=(-3, 103))
    return ax


def draw_stops(frame: pd.DataFrame, value: str, ax: Axes) -> Axes:
    """Draw one value per method where removal stops, before and after fine-tuning."""
    methods = [name for name in METHODS if name in set(frame["method"])]
    for shift, (colour, (stage, label)) in enumerate(
        zip((PALETTE[0], PALETTE[1]), STAGES.items(), strict=True)
    ):
        table = intervals(frame[frame["stage"] == stage], value, ["method"])
        table = table.set_index("method").loc[methods]
        rows = np.arange(len(methods)) + 0.3 * (shift - 0.5)
        errors = np.abs(table[["low", "high"]].to_numpy().T - table["mean"].to_numpy())
        ax.errorbar(table["mean"], rows, xerr=errors, fmt="os"[shift], color=colour, capsize=2,
                    mfc=("white", colour)[shift], label=label)  # fmt: skip
    ax.set_yticks(range(len(methods)), methods)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    return ax


if __name__ == "__main__":
    launch("backdoor")
