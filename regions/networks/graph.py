"""The wiring of a network: steps in an order in which they can be run, without any weights."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from regions.networks.mix import Mix
from regions.networks.steps import (
    Add,
    AvgPool,
    Conv,
    ConvTranspose,
    Input,
    Linear,
    Move,
    ReLU,
    Scale,
    Shape,
    Step,
)
from regions.networks.windows import Pairs, Shift, Window

_FORMAT = 1
KINDS: dict[str, type[Step]] = {
    step.kind: step
    for step in (
        *(Input, Linear, Conv, ConvTranspose, Scale, AvgPool),
        *(Move, Shift, Window, Pairs, Add, ReLU, Mix),
    )
}


@dataclass(frozen=True)
class Graph:
    """Steps in topological order; the first is the input, the last the output.

    It has no weights, so it can travel with masks and be compared and saved as JSON.

    Attributes
    ----------
    steps : tuple of Step
    whole : tuple of str
        Weights that stay whole: constants that are no layer's own.

    Examples
    --------
    >>> import regions
    >>> graph = regions.as_network([([[1.0, 2.0]], None), ([[3.0]], None)]).graph
    >>> dict(graph.prunable), len(graph.relus)
    ({'layer1': (1, 2), 'output': (1, 1)}, 1)
    """

    steps: tuple[Step, ...]
    whole: tuple[str, ...] = ()

    @property
    def input_shape(self) -> Shape:
        """Shape of one input, without the batch axis."""
        return self.steps[0].shape

    @property
    def output_shape(self) -> Shape:
        """Shape of one output, without the batch axis."""
        return self.steps[-1].shape

    @cached_property
    def by_name(self) -> Mapping[str, Step]:
        """The steps by their unique names."""
        return {step.name: step for step in self.steps}

    @cached_property
    def relus(self) -> tuple[ReLU, ...]:
        """The ReLU steps in order: one ReLU layer each."""
        return tuple(step for step in self.steps if isinstance(step, ReLU))

    @cached_property
    def prunable(self) -> Mapping[str, Shape]:
        """Weight shape of every Linear and Conv by module name, in order; biases never count."""
        weighted = (step for step in self.steps if isinstance(step, (Linear, Conv)))
        return {s.module: s.weight_shape for s in weighted if s.module not in self.whole}

    @cached_property
    def weighted(self) -> Mapping[str, Shape]:
        """Shape of every weight by module name: of the prunable ones, and of those kept whole."""
        kinds = (Linear, Conv, ConvTranspose)
        return {s.module: s.weight_shape for s in self.steps if isinstance(s, kinds)}

    @cached_property
    def is_exact(self) -> bool:
        """Whether the steps say what is computed, and not only what depends on what."""
        return not any(isinstance(step, Mix) for step in self.steps)

    @cached_property
    def last_layers(self) -> tuple[str, ...]:
        """The output layer: those whose values reach the output past no hidden unit.

        Past the units at the very end, if no weight lies behind them. Weights that are kept whole
        count: where one of them is last, there is no such layer.
        """
        level, found, seen = [self.steps[-1].name], set(), set()
        while level and not found:
            behind = []  # the units that this level ends at
            while level:
                step = self.by_name[level.pop()]
                if step.name in seen:
                    continue
                seen.add(step.name)
                if step.module is not None:
                    found.add(step.module)
                else:
                    unit = isinstance(step, (ReLU, Mix))
                    (behind if unit else level).extend(step.inputs)
            level = behind
        return tuple(name for name in self.prunable if name in found)

    @cached_property
    def relu_names(self) -> tuple[str, ...]:
        """One unique name per ReLU layer: the module that feeds it, numbered when met again."""
        names: list[str] = []
        for relu in self.relus:
            name = self._feeding_module(relu) or relu.name
            seen = sum(known.split("#")[0] == name for known in names)
            names.append(f"{name}#{seen + 1}" if seen else name)
        return tuple(names)

    def _feeding_module(self, step: Step) -> str | None:
        while not isinstance(step, Input):
            step = self.by_name[step.inputs[0]]
            if step.module is not None:
                return step.module
            if isinstance(step, ReLU):
                return None
        return None

    @cached_property
    def segments(self) -> tuple[tuple[Step, ...], ...]:
        """The linear steps before each ReLU step, and those after the last one."""
        segments: list[list[Step]] = [[]]
        for step in self.steps[1:]:
            if isinstance(step, ReLU):
                segments.append([])
            else:
                segments[-1].append(step)
        return tuple(tuple(segment) for segment in segments)

    @cached_property
    def ends(self) -> tuple[str, ...]:
        """The step whose value each of `segments` gives: what its ReLU reads, or the output."""
        return (*(relu.inputs[0] for relu in self.relus), self.steps[-1].name)

    @cached_property
    def carried(self) -> tuple[frozenset[str], ...]:
        """The values that each ReLU step is passed by: made before it and read after it."""
        return tuple(
            frozenset(
                step.name
                for step in self.steps[: self.position[relu.name]]
                if self.last_use.get(step.name, -1) > self.position[relu.name]
            )
            for relu in self.relus
        )

    @cached_property
    def branches(self) -> tuple[str, ...]:
        """The steps that read anything but the step before them, and that alone."""
        pairs = zip(self.steps, self.steps[1:], strict=False)
        return tuple(step.name for before, step in pairs if step.inputs != (before.name,))

    @property
    def is_chain(self) -> bool:
        """Whether every step reads the step before it, and that alone: no residual additions."""
        return not self.branches

    @cached_property
    def dense(self) -> tuple[Linear | None, ...]:
        """For each of `segments` the Linear step on flat values that is all of it, or None."""
        return tuple(
            part[0]
            if len(part) == 1 and isinstance(part[0], Linear) and len(part[0].shape) == 1
            else None
            for part in self.segments
        )

    @cached_property
    def is_perceptron(self) -> bool:
        """Whether the layers are matrices in a chain, each used once, with ReLUs between them.

        Constants may scale and shift the values between them, and flattening may come first.
        """
        return (
            self.is_chain
            and self.relu_names == tuple(self.prunable)[:-1]
            and all(_keeps_units(step) for step in self.steps[1:])
        )

    @cached_property
    def last_use(self) -> Mapping[str, int]:
        """Position of the last step that reads each step; the output is read at the end."""
        last = {
            source: position for position, step in enumerate(self.steps) for source in step.inputs
        }
        return {**last, self.steps[-1].name: len(self.steps)}

    @cached_property
    def products(self) -> int:
        """Multiplications of one pass, apart from those by single factors."""
        return sum(step.size * step.fan_in for step in self.steps if step.module is not None)

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Position of each step in the order."""
        return {step.name: position for position, step in enumerate(self.steps)}

    @cached_property
    def _done(self) -> Mapping[str, tuple[str, ...]]:
        """The values that no step after the given one reads."""
        last, position = self.last_use, self.position
        return {
            step.name: tuple(name for name in step.inputs if last[name] == position[step.name])
            for step in self.steps
        }

    def run(
        self,
        values: Mapping[str, Any],
        rule: Callable[[Step, list[Any]], Any],
        steps: Iterable[Step] | None = None,
        keep: bool = False,
    ) -> dict[str, Any]:
        """Walk over steps in their order: the one way in which anything goes through a network.

        Parameters
        ----------
        values : mapping of str to value
            What the first steps read, by the names of the steps that made it.
        rule : function of a step and the values that it reads
            Returns the step's value: numbers, bounds, matrices, labels, ...
        steps : iterable of Step, optional
            Neighbours in the order, such as one of `segments`; default: all but the input.
        keep : bool
            Keep the values that no later step reads, too.

        Returns
        -------
        dict of str to value
            The values that are alive after these steps.

        Examples
        --------
        >>> import regions
        >>> graph = regions.as_network([([[1.0, 2.0]], None), ([[3.0]], None)]).graph
        >>> depth = graph.run({"input": 0}, lambda step, read: 1 + max(read))
        >>> depth[graph.ends[-1]]
        3
        """
        alive = dict(values)
        for step in self.steps[1:] if steps is None else steps:
            alive[step.name] = rule(step, [alive[name] for name in step.inputs])
            if not keep:
                for name in self._done[step.name]:
                    alive.pop(name, None)
        return alive

    def to_json(self) -> str:
        """Return the graph as a JSON text that `from_json` reads back."""
        steps = [{"kind": step.kind, **dataclasses.asdict(step)} for step in self.steps]
        return json.dumps({"format": _FORMAT, "steps": steps, "whole": self.whole})

    @classmethod
    def from_json(cls, text: str) -> Graph:
        """Return the graph that `to_json` wrote."""
        content = json.loads(text)
        if content.get("format") != _FORMAT:
            raise ValueError(f"graph format {content.get('format')!r}, expected {_FORMAT}")
        steps = tuple(_step_from(fields) for fields in content["steps"])
        return cls(steps, tuple(map(str, content.get("whole", ()))))


def _step_from(fields: dict[str, Any]) -> Step:
    kind = KINDS[fields["kind"]]
    rest: dict[str, Any] = {}
    for key, value in fields.items():
        if key != "kind":
            rest[key] = tuple(value) if isinstance(value, list) else value
    return kind(**rest)


def _keeps_units(step: Step) -> bool:
    """Tell whether a step of a perceptron keeps units apart and in their order."""
    if isinstance(step, Linear):
        return len(step.shape) == 1
    if isinstance(step, ReLU):
        return step.slope == 0.0
    return isinstance(step, Scale) or (isinstance(step, Move) and step.reshapes)
