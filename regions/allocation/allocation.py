"""`Allocation`: how many weights each layer keeps, and what speaks for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regions.allocation.checks import check_layers, check_numbers, check_plateau
from regions.allocation.plot import plot_densities
from regions.errors import DataError
from regions.files import guarded, read_json
from regions.pruning import Masks, prune
from regions.results import Result, jsonable, write_atomically, write_json

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_FORMAT = 2
# what files of format 1 do not say: their counts were made for plain magnitude
_SINCE_1 = {"criterion": "magnitude", "repair": False}


@dataclass(frozen=True, kw_only=True, repr=False)
class Allocation(Result):
    """Whole numbers of weights per layer that sum exactly to a budget.

    Made by `regions.allocate`. An objective's value is that of the best split found, not a proof
    that none is better; it is measured on the masks that the search used.

    Attributes
    ----------
    objective : str
        What was maximised, or the rule ("uniform", "erk", ...) that was followed.
    criterion, repair : str, bool
        What `regions.prune` takes for these counts if no criterion is named.
    counts : dict of str to int
        Weights kept in every layer, also in those kept whole.
    shapes : dict of str to tuple
        Weight shape of every layer.
    roles : dict of str to str
        "free" (density chosen), "fixed" (density given, part of the budget), or "whole" (kept
        whole, outside the budget).
    value, uniform_value : float or None
        The objective here and at the uniform split under the same masks; None for rules.
    uniform : dict of str to int
        The uniform split.
    error : float or None
        Standard error of value - uniform_value over random masks; None for a single mask.
    plateau : dict of str to (int, int)
        Per free layer, the counts between which the value stays within `tolerance` of the best
        while the other layers share the rest in proportion, as far as it was scanned.
    tolerance : float
        Width of the plateau, in units of the objective.
    ties : int
        Other splits tried with the same value. Of equal splits the one nearest to uniform is
        returned.
    evaluations : int
        Splits tried.
    converged : bool
        False if the search stopped at its limit of evaluations.

    Raises
    ------
    ArgumentError
        If the fields do not fit each other, or a count is impossible.

    Examples
    --------
    >>> import regions
    >>> found = regions.allocate([784, 100, 100, 10], 0.01, objective="equal")
    >>> found.budget, found.objective, found.roles["output"]
    (884, 'equal', 'whole')
    """

    objective: str
    criterion: str = "magnitude"
    repair: bool = False
    counts: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]]
    roles: Mapping[str, str]
    uniform: Mapping[str, int]
    value: float | None = None
    uniform_value: float | None = None
    error: float | None = None
    plateau: Mapping[str, tuple[int, int]]
    tolerance: float = 0.0
    ties: int = 0
    evaluations: int = 0
    converged: bool = True

    def __post_init__(self) -> None:
        check_layers(self.shapes, self.counts, self.roles, self.uniform)
        check_plateau(self.shapes, self.plateau)
        check_numbers(self)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of weights of every layer."""
        return {name: prod(shape) for name, shape in self.shapes.items()}

    @property
    def densities(self) -> dict[str, float]:
        """Fraction of weights kept in every layer (1.0 where it is kept whole)."""
        return {name: count / self.sizes[name] for name, count in self.counts.items()}

    @property
    def budget(self) -> int:
        """Weights kept in the layers that belong to the budget, together."""
        return sum(n for name, n in self.counts.items() if self.roles[name] != "whole")

    @property
    def density(self) -> float:
        """Fraction of weights kept in the layers that belong to the budget."""
        size = sum(n for name, n in self.sizes.items() if self.roles[name] != "whole")
        return self.budget / size

    @property
    def overall_density(self) -> float:
        """Fraction of weights kept in all layers together, those kept whole included."""
        return sum(self.counts.values()) / sum(self.sizes.values())

    @property
    def amounts(self) -> dict[str, int]:
        """Weights to remove per layer: the `amount=` of the functions in torch.nn.utils.prune."""
        return {name: self.sizes[name] - count for name, count in self.counts.items()}

    @property
    def saturated(self) -> bool:
        """Whether the objective cannot tell this split from the uniform one."""
        if self.value is None or self.uniform_value is None:
            return False
        return self.value - self.uniform_value <= max(self.tolerance, 2 * (self.error or 0.0))

    def apply(self, model: Any, **options: Any) -> Masks:
        """Return the masks of `model` with these counts; the model is not changed.

        Keyword arguments are those of `regions.prune` (criterion, repair, input_shape, ...).
        Layers are matched by name, or in order if the names differ and all shapes agree.
        """
        return prune(model, self, **options)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per layer."""
        import pandas as pd

        sizes, densities = self.sizes, self.densities
        rows = [
            {
                "layer": name,
                "role": self.roles[name],
                "size": sizes[name],
                "count": count,
                "density": densities[name],
                "uniform_density": self.uniform[name] / sizes[name],
                "plateau_low": self._plateau(name)[0] / sizes[name],
                "plateau_high": self._plateau(name)[1] / sizes[name],
            }
            for name, count in self.counts.items()
        ]
        return pd.DataFrame(rows)

    def _plateau(self, name: str) -> tuple[int, int]:
        return self.plateau.get(name, (self.counts[name], self.counts[name]))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready objects."""
        known = {"densities": self.densities, **jsonable(self)}
        return {"kind": "regions.Allocation", "format": _FORMAT, **known}

    def summary(self) -> str:
        """Return the densities and what speaks for them in a few lines."""
        lines = [
            f"{self.objective}: {self.budget} weights, density {self.density:.4g}{self._beside()}",
            *(f"  {name}: {density:.4g}" for name, density in self.densities.items()),
        ]
        whole = [name for name, role in self.roles.items() if role == "whole"]
        if whole:
            names = ", ".join(whole)
            lines.append(
                f"Kept whole, outside this density: {names}. With them {sum(self.counts.values())} "
                f"of {sum(self.sizes.values())} weights are kept, density "
                f"{self.overall_density:.4g}."
            )
        if self.criterion != "magnitude" or self.repair:
            masks = f"repaired {self.criterion}" if self.repair else self.criterion
            lines.append(f"Masks that regions.prune makes of it: {masks}.")
        if self.value is not None and self.uniform_value is not None:
            lines.append(
                f"objective {self.value:.6g}, at the uniform split {self.uniform_value:.6g}"
            )
            if self.saturated:
                lines.append("The objective does not distinguish this split from the uniform one.")
            if self.ties:
                lines.append(f"{self.ties} other split(s) tried reach the same value.")
            if not self.converged:
                lines.append("The search stopped at its limit of evaluations.")
        return "\n".join(lines)

    def _beside(self) -> str:
        """Say what the density does not count."""
        whole = {name: n for name, n in self.counts.items() if self.roles[name] == "whole"}
        names = ", ".join(whole)
        return f" (beside them {names}, whole: {sum(whole.values())} weights)" if whole else ""

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw density per layer with its plateau, and the uniform density; return the axes."""
        return plot_densities(self.to_frame(), self.objective, ax)

    def save(self, path: str | os.PathLike) -> Path:
        """Write the table to a ``.csv`` file, or everything as JSON to any other."""
        if Path(path).suffix == ".csv":
            return write_atomically(path, self.to_frame().to_csv(index=False))
        return write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: str | os.PathLike) -> Allocation:
        """Return the allocation that `save` wrote as JSON.

        Raises
        ------
        DataError
            If the file is missing, truncated, or not a saved allocation.
        """
        try:
            content = read_json(path, "JSON file")
            with guarded(Path(path), "allocation"):
                return cls(**_fields_of(content))
        except DataError as error:
            raise DataError(
                f"{path} is no allocation ({error}); expected a JSON file written by "
                "Allocation.save (a .csv table cannot be read back)"
            ) from error


def _fields_of(content: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `Allocation` from what `to_dict` wrote."""
    if content["format"] == 1:
        content = {**_SINCE_1, **content}
    if content["kind"] != "regions.Allocation" or content["format"] not in (1, _FORMAT):
        raise ValueError(f"it holds {content['kind']!r} in format {content['format']!r}")
    names = [field.name for field in fields(Allocation)]
    unknown = sorted(set(content) - {*names, "kind", "format", "densities"})
    if unknown:
        raise ValueError(f"it has the fields {unknown}, which no allocation has")
    words = {name: content[name] for name in ("objective", "criterion", "repair")}
    given = {**words, **{name: _numbers(content[name]) for name in names if name not in words}}
    given["shapes"] = {name: tuple(shape) for name, shape in given["shapes"].items()}
    given["plateau"] = {name: tuple(ends) for name, ends in given["plateau"].items()}
    return given


def _numbers(value: Any) -> Any:
    """Return what `jsonable` was given, where it wrote numbers that JSON has not as texts."""
    if isinstance(value, dict):
        return {name: _numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    if value in ("inf", "-inf"):
        return float(value)
    large = isinstance(value, str) and value.isdecimal() and 16 <= len(value) <= 19
    return int(value) if large else value
