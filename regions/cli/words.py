"""The words that several commands share, and options made of the fields of named choices."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import field, fields, make_dataclass
from itertools import pairwise
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from tyro.conf import OmitArgPrefixes, Positional, arg
from tyro.constructors import PrimitiveConstructorSpec

from regions.cli.given import FACTORY
from regions.cli.output import Output
from regions.workers import Workers

FILES = (
    "FILE.onnx, FILE.pt2 (torch.export), FILE.npz (arrays NAME.weight and NAME.bias), or " + FACTORY
)
Model = Annotated[Positional[str], arg(metavar="MODEL", help=FILES)]
ModelOrWidths = Annotated[
    Positional[str], arg(metavar="MODEL", help=f"widths such as 784,100,100,10, or {FILES}")
]
Shape = Annotated[
    tuple[int, ...] | None, arg(help="shape of one input, such as 1 28 28, if the model needs it")
]
Where = OmitArgPrefixes[Output]
ONE_WORKER = Workers()


def one_of(names: Iterable[str]) -> PrimitiveConstructorSpec[str]:
    """Return what makes an option take one of the names, such as those of a registry."""
    choices = tuple(names)
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=f"{{{','.join(choices)}}}",
        instance_from_str=lambda words: words[0],
        is_instance=lambda value: value in choices,
        str_from_instance=lambda value: [value],
        choices=choices,
    )


def fields_of(registry: Mapping[str, Any], *, without: Iterable[str] = ()) -> Any:
    """Return a dataclass with every field that a choice of the registry has; None is not given.

    Fields that no word of a command line can give, such as arrays, are left out.
    """
    owners: dict[str, list[str]] = {}
    types: dict[str, Any] = {}
    helps: dict[str, str] = {}
    for name, choice in registry.items():
        kind = choice if isinstance(choice, type) else type(choice)
        hints, docs = get_type_hints(kind), _docs(kind)
        for one in fields(kind):
            simple = [part for part in _parts(hints[one.name]) if _is_simple(part)]
            if not simple or one.name in without or not one.init:
                continue
            types.setdefault(one.name, simple[0] | None)
            helps.setdefault(one.name, docs.get(one.name, ""))
            default = getattr(choice, one.name, None)
            owners.setdefault(one.name, []).append(
                name if default is None else f"{name} ({default})"
            )
    made = [
        (
            name,
            Annotated[
                kind,
                arg(help=f"{helps[name]} Of {', '.join(owners[name])}.", help_behavior_hint=""),
            ],
            field(default=None),
        )
        for name, kind in types.items()
    ]
    return make_dataclass("Fields", made, frozen=True)()


def given(options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in vars(options).items() if value is not None}


def _parts(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _is_simple(kind: Any) -> bool:
    return kind in (int, float, str, bool) or get_origin(kind) is Literal


def _docs(kind: type) -> dict[str, str]:
    """Return the text below each field of a dataclass, on one line."""
    found: dict[str, str] = {}
    for part in reversed(kind.__mro__[:-1]):
        body = ast.parse(textwrap.dedent(inspect.getsource(part))).body[0].body  # type: ignore
        for one, after in pairwise(body):
            if isinstance(one, ast.AnnAssign) and isinstance(after, ast.Expr):
                text = ast.literal_eval(after.value)
                found[one.target.id] = " ".join(text.split())  # type: ignore
    return found
