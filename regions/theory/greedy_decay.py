"""How the discrepancy falls as greedy selection takes more units, beside its controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.arguments import check_reals, check_whole
from regions.choices import check_name
from regions.errors import ArgumentError
from regions.pruning.removal.greedy import IMITATIONS, imitate
from regions.pruning.removal.greedy_path import GreedyPath, greedy_path
from regions.pruning.removal.imitation import Imitation
from regions.pruning.removal.removal import Removal
from regions.pruning.removal.units import UnitLayer, find_units, removable
from regions.randomness import Rng
from regions.results import Result, jsonable
from regions.theory.decay_fit import FORMS, fit_decay
from regions.theory.points import read_generator

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# curve of the frame: rule of `greedy_path`
RULES = {
    "line search": "line-search",
    "step 1/(n+1)": "average",
    "no repeats": "no-repeat",
    "forward, free weights": "least-squares",
}
FREE = "line search units, free weights"
REFIT = "line search units, full refit"
RANDOM = "random units, free weights"
CURVES = (*RULES, FREE, REFIT, RANDOM)
_FLOOR = 1e-6  # of |f|^2: below it a fit would see rounding


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GreedyDecay(Result):
    """Discrepancy against steps and support for each greedy rule and each control.

    Attributes
    ----------
    frame : pandas.DataFrame
        Columns `curve`, `draw` (0 but for random units), `step`, `support`, `error` (D), `share`
        (D / |f|^2).
    layer, imitation : str
    units, live : int
        Units of the layer, and those that contribute anything on the inputs.
    norm : float
        |f|^2, the discrepancy of the zero function.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pairs = [(rng.normal(size=(8, 3)), None), (rng.normal(size=(2, 8)), None)]
    >>> decay = greedy_decay(pairs, rng.normal(size=(50, 3)), steps=50, draws=2)
    >>> decay.units, sorted(decay.fits()["form"].unique())
    (8, ['exponential', 'power'])
    """

    frame: pd.DataFrame
    layer: str
    imitation: str
    units: int
    live: int
    norm: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row per curve, draw and step."""
        return self.frame.copy()

    def by_support(self) -> pd.DataFrame:
        """Return the smallest D reached with at most n units, by curve, draw and n = 1, 2, ..."""
        import pandas as pd

        parts = []
        grouped: Any = self.frame.groupby(["curve", "draw"], sort=False)
        for (curve, draw), part in grouped:
            best = part.groupby("support")[["error", "share"]].min().cummin()
            best = best.reindex(range(1, int(best.index.max()) + 1), method="ffill").dropna()
            parts.append(best.rename_axis("support").reset_index().assign(curve=curve, draw=draw))
        return pd.concat(parts, ignore_index=True)

    def fits(self) -> pd.DataFrame:
        """Return both laws of decay fitted to each curve, against support and against steps.

        Random units: the mean over draws of log D. D below 1e-6 |f|^2 is left out, and so are the
        first points up to the largest D: a first unit alone overshoots. Curves with fewer than
        four points left have no row. See `fit_decay` for what the intervals do not say.

        Returns
        -------
        pandas.DataFrame
            `curve`, `against` ("support" or "step"), and the columns of
            `DecayFit.to_frame`.
        """
        import pandas as pd

        rows = []
        for against in ("support", "step"):
            frame: Any = self.by_support() if against == "support" else self.frame
            kept = frame[frame["share"] > _FLOOR].assign(log=lambda part: np.log(part["error"]))
            for curve in CURVES if against == "support" else RULES:
                logs = kept[kept["curve"] == curve].groupby(against)["log"].mean()
                logs = logs.iloc[int(np.argmax(logs.to_numpy())) :] if len(logs) else logs
                if len(logs) < 4:
                    continue
                for form in FORMS:
                    fit = fit_decay(logs.index.to_numpy(), np.exp(logs.to_numpy()), form)
                    rows.append({"curve": curve, "against": against, **fit.row()})
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes, the curves and the fits as JSON-ready objects."""
        names = ("layer", "imitation", "units", "live", "norm")
        tables = {"frame": self.frame, "fits": self.fits()}
        return {
            **{name: jsonable(getattr(self, name)) for name in names},
            **{name: jsonable(table.to_dict("records")) for name, table in tables.items()},
        }

    def summary(self) -> str:
        """Return the exponential rates per unit, and that they do not tell the rules apart."""
        fits: Any = self.fits()
        lines = [
            f"layer {self.layer!r}: {self.live} of {self.units} units live, |f|^2 = "
            f"{self.norm:.4g} ({self.imitation} imitation). Exponential rate of D per unit:"
        ]
        chosen = fits[(fits["against"] == "support") & (fits["form"] == "exponential")]
        for row in chosen.itertuples():
            lines.append(
                f"  {row.curve}: {row.rate:.3g} [{row.low:.3g}, {row.high:.3g}], "
                f"R^2 {row.r_squared:.3f}"
            )
        lines.append(
            "Random units with refitted weights decay too: an exponential fit does not "
            "distinguish greedy selection."
        )
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None, against: str = "support") -> Axes:
        """Draw log10 of D / |f|^2 against "support" (the best with at most n units) or "step"."""
        import matplotlib.pyplot as plt

        from regions.figures import plot_means

        if against not in ("support", "step"):
            raise ArgumentError(f"against is {against!r}; choose 'support' or 'step'")
        ax = plt.gca() if ax is None else ax
        frame: Any = self.by_support() if against == "support" else self.frame
        shown = CURVES if against == "support" else tuple(RULES)
        frame = frame[frame["share"] > _FLOOR]
        frame = frame.assign(decades=np.log10(frame["share"].to_numpy(dtype=float)))
        order = [curve for curve in shown if (frame["curve"] == curve).any()]
        plot_means(frame, against, "decades", "curve", order=order, ax=ax, markevery=0.1)
        label = "units with a weight" if against == "support" else "steps"
        ax.set(xlabel=label, ylabel="$\\log_{10}$ of the discrepancy $D / |f|^2$")
        return ax


def greedy_decay(
    model: Any,
    inputs: Any,
    layer: str | None = None,
    *,
    imitation: str = "local",
    steps: int = 400,
    start: str = "unit",
    draws: int = 20,
    input_shape: tuple[int, ...] | None = None,
    rng: Rng = 0,
) -> GreedyDecay:
    """Return how D falls with the number of units and of steps, for all rules and controls.

    Greedy selection (Ye, Wu and Liu 2020) comes with a guarantee that D falls exponentially in the
    number of units. What that is worth is seen only beside controls on the same units: free
    least-squares weights, a full refit of the outgoing weights (a lower bound of D for these
    units), and random live units with free weights. On small layers all of them fall roughly
    exponentially, so the form of the decay does not distinguish the method.

    Parameters
    ----------
    model : torch.nn.Module, list of (W, b), path of an ONNX file, or ReLUNetwork
        Left untouched.
    inputs : array of shape (samples, *input_shape)
        Over which D is averaged.
    layer : str, optional
        Whose units are selected; by default the first of `regions.pruning.unit_layers`.
    imitation : {"local", "global"}
        D at the layer that reads the units, or at the outputs to first order (then without the
        full refit, which has no linear form there).
    steps : int
        At most so many steps of the rules that repeat units.
    start : {"unit", "zero"}
        See `regions.pruning.removal.greedy_path`; "no repeats" always starts with a unit.
    draws : int
        Random orders of the live units.
    input_shape : tuple of int, optional
        As for `regions.as_network`.
    rng : int, numpy.random.Generator or None
        Draws the random units.

    Raises
    ------
    ArgumentError
        If inputs do not fit, no unit contributes on them, or an option is unknown.
    UnsupportedModelError
        If the units of the layer cannot be removed.

    References
    ----------
    arXiv 2010.15969 (statement from its abstract), 2003.01794.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pairs = [(rng.normal(size=(8, 3)), None), (rng.normal(size=(2, 8)), None)]
    >>> decay = greedy_decay(pairs, rng.normal(size=(50, 3)), steps=50, draws=2)
    >>> last = decay.by_support().groupby("curve")["share"].last()
    >>> bool(last["no repeats"] < 1e-12), bool(last["random units, free weights"] < 1e-6)
    (True, True)
    """
    check_name("imitation", imitation, IMITATIONS)
    check_whole(draws, "draws")
    check_whole(steps, "steps")
    rng = read_generator(rng)
    inputs = check_reals(inputs, "inputs")
    removal = _removal(model, inputs, layer, input_shape)
    (name, found), *_ = removal.layers.items()
    task = imitate(removal, imitation)[name]
    if len(task.live) == 0:
        raise ArgumentError(
            f"no unit of layer {name!r} contributes anything on these inputs; give other inputs or "
            "another layer"
        )
    frame = _curves(removal, found, task, imitation, steps, start, draws, rng)
    return GreedyDecay(
        frame=frame.assign(share=frame["error"] / task.norm),
        layer=name,
        imitation=imitation,
        units=found.size,
        live=len(task.live),
        norm=task.norm,
    )


def _removal(
    model: Any, inputs: Any, layer: str | None, input_shape: tuple[int, ...] | None
) -> Removal:
    from regions.networks import as_network

    network = as_network(model, input_shape)
    layers, refused = find_units(network.graph)
    if layer is not None:
        check_name("layer", layer, [*layers, *refused])
    chosen = next(iter(layers or refused)) if layer is None else layer
    return Removal.around(network, removable(network.graph, [chosen], "greedy_decay"), inputs)


def _curves(
    removal: Removal,
    layer: UnitLayer,
    task: Imitation,
    imitation: str,
    steps: int,
    start: str,
    draws: int,
    rng: Rng,
) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for curve, rule in RULES.items():
        begin = "unit" if rule == "no-repeat" else start
        path = greedy_path(task, rule, steps=steps, start=begin)
        parts.append(path.to_frame()[["step", "support", "error"]].assign(curve=curve, draw=0))
        if rule == "line-search":
            parts.append(_on_same_units(path, FREE, lambda kept: task.least_squares(kept)[1]))
            if imitation == "local":
                refit = _full_refit(removal, layer, task)
                parts.append(_on_same_units(path, REFIT, refit))
    generator = np.random.default_rng(rng)
    for draw in range(draws):
        errors = task.nested(generator.permutation(len(task.live)))
        count = np.arange(1, len(errors) + 1)
        columns = {"step": count, "support": count, "error": errors}
        parts.append(pd.DataFrame(columns).assign(curve=RANDOM, draw=draw))
    columns = ["curve", "draw", "step", "support", "error"]
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def _on_same_units(path: GreedyPath, curve: str, error: Any) -> pd.DataFrame:
    """Return D of other weights on the support of every step at which it changes."""
    import pandas as pd

    rows, before = [], None
    for step, weights in enumerate(path.weights, start=1):
        support = np.flatnonzero(weights)
        if before is None or not np.array_equal(support, before):
            rows.append((step, len(support), error(support)))
        before = support
    frame = pd.DataFrame(rows, columns=["step", "support", "error"])
    return frame.assign(curve=curve, draw=0)


def _full_refit(removal: Removal, layer: UnitLayer, task: Imitation) -> Any:
    """Return the function from a support to D of the refit of all outgoing weights."""

    def error(support: np.ndarray) -> float:
        kept = np.isin(np.arange(layer.size), task.live[support])
        total = 0.0
        for reader in layer.readers:
            gram, weight, bias = (
                removal.grams[reader.layer],
                removal.weight(reader),
                removal.bias(reader),
            )
            new, offset = gram.refit(weight, bias, kept)
            change = None if bias is None or offset is None else offset - bias
            total += gram.error(new - weight, change)
        return total

    return error
