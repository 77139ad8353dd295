"""One set of orders of the weights of any network, and what its first weights connect.

Neighbouring allocations differ little in what is alive. Every step's answer is kept with what it
was found from, and is found again only where that has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from regions.allocation.problem import Counts, Problem
from regions.allocation.reach import Places, Reach
from regions.networks import liveness
from regions.networks.steps import Conv, Linear, Step

Units = np.ndarray | None  # boolean, of a step's shape; None: all of them


class Alive(NamedTuple):
    """Effective weights per layer and effective units per hidden layer."""

    weights: dict[str, int]
    units: list[int]


class GraphDraw:
    """One set of orders of the weights of any network."""

    def __init__(self, orders: Mapping[str, np.ndarray], problem: Problem):
        self.orders, self.problem = dict(orders), problem
        self._wires: _Wires | None = None

    def masks(self, counts: Counts) -> dict[str, np.ndarray]:
        """Return boolean masks of the kept weights."""
        masks = {}
        for name, shape in self.problem.shapes.items():
            masks[name] = np.ones(shape, dtype=bool)
            if counts[name] < masks[name].size:
                masks[name][:] = False
                masks[name].ravel()[self.orders[name][: counts[name]]] = True
        return masks

    def alive(self, counts: Counts) -> Alive:
        """Return what lies on an input-to-output path of the kept weights.

        The numbers are those of `regions.networks.liveness` on the masks.
        """
        graph = self.problem.wiring("counting effective weights")
        pruned = [step for step in graph.steps if step.module in self.problem.shapes]
        if not all(isinstance(step, (Linear, Conv)) for step in pruned):
            live = liveness(graph, self.masks(counts))
            weights = {name: int(np.count_nonzero(mask)) for name, mask in live.effective.items()}
            return Alive(weights, [int(live.units(name).sum()) for name in graph.relu_names])
        if self._wires is None:
            self._wires = _Wires(self.problem, self.orders)
        return self._wires.alive(counts)


class _Wires:
    """The units of every step that are fed and feeding, as far as they were found lately."""

    def __init__(self, problem: Problem, orders: Mapping[str, np.ndarray]):
        self.graph = problem.wiring("counting effective weights")
        self.reach: dict[str, Reach] = {}
        self.plain: dict[str, _Plain] = {}
        self._lately: dict[tuple[str, str], tuple[tuple, Any]] = {}
        places: dict[str, Places] = {}
        for step in self.graph.steps[1:]:
            before = [self.graph.by_name[name].shape for name in step.inputs]
            if not isinstance(step, (Linear, Conv)) or step.module not in problem.shapes:
                self.plain[step.name] = _Plain(step, before)
                continue
            if step.module not in places:
                order = orders.get(step.module, np.arange(problem.sizes[step.module]))
                groups = step.groups if isinstance(step, Conv) else 1
                places[step.module] = Places.of(order, step.weight_shape, groups)
            self.reach[step.name] = Reach.of(places[step.module], step, before[0])

    def alive(self, counts: Counts) -> Alive:
        """Return what lies on an input-to-output path of the kept weights."""
        fed = self._fed(counts)
        feeding, effective = self._feeding(counts, fed)
        weights = {}
        for module, uses in effective.items():
            complete = any(use is None for use in uses)
            kept = None if complete else np.logical_or.reduce(uses)
            weights[module] = counts[module] if kept is None else int(np.count_nonzero(kept))
        units = [_common(fed[relu.name], feeding[relu.name], relu) for relu in self.graph.relus]
        return Alive({name: weights[name] for name in counts}, units)

    def _fed(self, counts: Counts) -> dict[str, Units]:
        first, *others = self.graph.steps
        fed: dict[str, Units] = {first.name: None}
        for step in others:
            inputs = [fed[name] for name in step.inputs]
            if step.name in self.plain:
                found = self._known("fed", step, inputs, self.plain[step.name].feed)
            else:
                feed = self.reach[step.name].fed
                found = self._known("fed", step, [*inputs, counts[str(step.module)]], feed)
            fed[step.name] = found
        return fed

    def _feeding(
        self, counts: Counts, fed: Mapping[str, Units]
    ) -> tuple[dict[str, Units], dict[str, list]]:
        """Return each step's units that lead to an output, and each use's effective weights."""
        wanted: dict[str, list[Units]] = {step.name: [] for step in self.graph.steps}
        wanted[self.graph.steps[-1].name].append(None)
        feeding: dict[str, Units] = {}
        effective: dict[str, list] = {}
        for step in reversed(self.graph.steps):
            units = self._known("joined", step, wanted[step.name], _either_of(step))
            feeding[step.name] = units
            if step.name in self.reach:
                reach, count = self.reach[step.name], counts[str(step.module)]
                ends = [fed[step.inputs[0]], units, count]
                found = self._known("effective", step, ends, reach.effective)
                effective.setdefault(str(step.module), []).append(found)
                pulled = [self._known("feeding", step, [units, count], reach.feeding)]
            elif step.inputs:
                pulled = self._known("feeding", step, [units], self.plain[step.name].pull)
            else:
                continue
            for name, part in zip(step.inputs, pulled, strict=True):
                wanted[name].append(part)
        return feeding, effective

    def _known(self, what: str, step: Step, given: list, find: Callable[..., Any]) -> Any:
        """Return ``find(*given)``, the very object of the last time if nothing has changed."""
        before, value = self._lately.get((what, step.name), (None, None))
        if before is None or len(before) != len(given) or not all(map(_is_same, before, given)):
            found = find(*given)
            if not (isinstance(found, np.ndarray) and isinstance(value, np.ndarray)):
                value = found
            elif not np.array_equal(found, value):
                value = found
            self._lately[what, step.name] = (tuple(given), value)
        return value


def _is_same(one: Any, other: Any) -> bool:
    return one is other or (isinstance(one, int) and one == other)


def _either_of(step: Step) -> Callable[..., Units]:
    def either(*parts: Units) -> Units:
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        found = np.logical_or.reduce([np.zeros(step.shape, dtype=bool), *known])
        return None if found.all() else found

    return either


def _common(one: Units, other: Units, step: Step) -> int:
    if one is None or other is None:
        known = other if one is None else one
        return step.size if known is None else int(np.count_nonzero(known))
    return int(np.count_nonzero(one & other))


class _Plain:
    """A step without weights to prune: what it makes of units that are fed, or feeding."""

    def __init__(self, step: Step, before: list[tuple[int, ...]]):
        import torch

        self.step, self.before = step, before
        shape = getattr(step, "weight_shape", None)
        self.kept = {} if shape is None else {f"{step.module}.weight": torch.ones(shape)}
        ones = [torch.ones(1, *shape) for shape in before]
        self.changes_nothing = step.sizes(ones, self.kept) is ones[0]
        alone = [
            [one if i == j else torch.zeros_like(one) for i, one in enumerate(ones)]
            for j in range(len(ones))
        ]
        self.fills = [bool((step.sizes(values, self.kept) > 0).all()) for values in alone]
        self.pulled_from_all = self._pull(None)

    def feed(self, *inputs: Units) -> Units:
        """Return which units are fed, given those of the steps that it reads."""
        if any(units is None and fills for units, fills in zip(inputs, self.fills, strict=True)):
            return None
        if self.changes_nothing:
            return inputs[0]
        values = [_tensor(units, shape) for units, shape in zip(inputs, self.before, strict=True)]
        return _units(self.step.sizes(values, self.kept))

    def pull(self, units: Units) -> list[Units]:
        """Return which units of the steps that it reads are feeding."""
        if units is None:
            return self.pulled_from_all
        return [units] if self.changes_nothing else self._pull(units)

    def _pull(self, units: Units) -> list[Units]:
        import torch

        values = [torch.ones(1, *shape).requires_grad_() for shape in self.before]
        with torch.enable_grad():
            out = self.step.sizes(values, self.kept)
            pulled = torch.autograd.grad(
                out, values, _tensor(units, self.step.shape), materialize_grads=True
            )
        return [_units(gradient) for gradient in pulled]


def _tensor(units: Units, shape: tuple[int, ...]) -> Any:
    import torch

    return torch.ones(1, *shape) if units is None else torch.from_numpy(units).float()[None]


def _units(values: Any) -> Units:
    found = (values[0] > 0).numpy()
    return None if found.all() else found
