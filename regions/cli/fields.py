"""Options of a command that are the fields of named choices: engines, measures, estimators."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import field, fields, make_dataclass
from itertools import pairwise
from textwrap import dedent
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from tyro.conf import arg


def fields_of(registry: Mapping[str, Any], without: tuple[str, ...] = ()) -> Any:
    """Return a dataclass with every field that a choice of the registry has; None is not given.

    Fields that no word of a command line can give, such as arrays, are left out.
    """
    kinds: dict[str, Any] = {}
    helps: dict[str, str] = {}
    owners: dict[str, list[str]] = {}
    for name, choice in registry.items():
        owner = choice if isinstance(choice, type) else type(choice)
        hints, texts = get_type_hints(owner), _texts(owner)
        for word in [one.name for one in fields(owner) if one.init and one.name not in without]:
            simple = [part for part in _parts(hints[word]) if _is_simple(part)]
            if simple:
                default = getattr(choice, word, None)
                shown = name if default is None else f"{name} ({default})"
                kinds.setdefault(word, simple[0] | None)
                helps.setdefault(word, texts.get(word, ""))
                owners.setdefault(word, []).append(shown)
    return make_dataclass("Fields", [_field(w, kinds[w], helps[w], owners[w]) for w in kinds])()


def given_fields(options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in vars(options).items() if value is not None}


def _field(word: str, kind: Any, text: str, owners: list[str]) -> tuple[str, Any, Any]:
    help_text = f"{text} Of {', '.join(owners)}.".strip()
    return word, Annotated[kind, arg(help=help_text, help_behavior_hint="")], field(default=None)


def _parts(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _is_simple(kind: Any) -> bool:
    return kind in (int, float, str, bool) or get_origin(kind) is Literal


def _texts(owner: type) -> dict[str, str]:
    """Return the text below each field of a dataclass, on one line."""
    found: dict[str, str] = {}
    for part in reversed(owner.__mro__[:-1]):
        body: list[Any] = ast.parse(dedent(inspect.getsource(part))).body
        for one, after in pairwise(body[0].body):
            if isinstance(one, ast.AnnAssign) and isinstance(after, ast.Expr):
                found[ast.unparse(one.target)] = " ".join(ast.literal_eval(after.value).split())
    return found
