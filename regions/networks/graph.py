"""The wiring of a network: steps in an order in which they can be run, without any weights."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from regions.networks.steps import KINDS, Add, Conv, Input, Linear, ReLU, Shape, Step

_FORMAT = 1


@dataclass(frozen=True)
class Graph:
    """Steps in topological order; the first is the input, the last the output.

    It has no weights, so it can travel with masks and be compared and saved as JSON.
    """

    steps: tuple[Step, ...]

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
        return {step.module: step.weight_shape for step in weighted}

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
    def last_use(self) -> Mapping[str, int]:
        """Position of the last step that reads each step; the output is read at the end."""
        last = {
            source: position for position, step in enumerate(self.steps) for source in step.inputs
        }
        return {**last, self.steps[-1].name: len(self.steps)}

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Position of each step in the order."""
        return {step.name: position for position, step in enumerate(self.steps)}

    def has_residuals(self) -> bool:
        """Tell whether some addition joins two branches."""
        return any(isinstance(step, Add) for step in self.steps)

    def to_json(self) -> str:
        """Return the graph as a JSON text that `from_json` reads back."""
        steps = [{"kind": step.kind, **dataclasses.asdict(step)} for step in self.steps]
        return json.dumps({"format": _FORMAT, "steps": steps})

    @classmethod
    def from_json(cls, text: str) -> Graph:
        """Return the graph that `to_json` wrote."""
        content = json.loads(text)
        if content.get("format") != _FORMAT:
            raise ValueError(f"graph format {content.get('format')!r}, expected {_FORMAT}")
        return cls(tuple(_step_from(fields) for fields in content["steps"]))


def _step_from(fields: dict[str, Any]) -> Step:
    kind = KINDS[fields["kind"]]
    rest: dict[str, Any] = {}
    for key, value in fields.items():
        if key != "kind":
            rest[key] = tuple(value) if isinstance(value, list) else value
    return kind(**rest)
