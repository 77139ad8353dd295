"""A named choice: a frozen dataclass whose fields are its options, named in a plain dict."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, fields, replace
from difflib import get_close_matches
from typing import Any, TypeVar

from regions.errors import ArgumentError

T = TypeVar("T")


def choose(
    what: str,
    given: str | T,
    registry: Mapping[str, type[T] | T],
    options: Mapping[str, Any] | None = None,
    *,
    words: Collection[str] = (),
    beside: Collection[str] = (),
    base: type | None = None,
) -> T:
    """Return the choice of that name, or the given choice, with these options as its fields.

    Parameters
    ----------
    what : str
        The caller's argument, for messages: "method", "measure", ...
    given : str or choice
        A name of the registry, or an object that is a choice already.
    registry : mapping of str to choice
        Frozen dataclasses, or objects of them, by name.
    options : mapping, optional
        Values for fields of the choice.
    words : collection of str
        Names that the caller treats itself, such as "auto", for messages.
    beside : collection of str
        Options of the caller itself, for messages.
    base : type, optional
        What a choice that is no name must be; by default of one of the registry's own types.

    Returns
    -------
    choice
        A frozen dataclass.

    Raises
    ------
    ArgumentError
        For an unknown name, an object of another kind, or options that are unknown or missing.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Sample:
    ...     samples: int = 100
    >>> choose("method", "sample", {"sample": Sample}, {"samples": 5})
    Sample(samples=5)
    >>> choose("method", "smaple", {"sample": Sample})
    Traceback (most recent call last):
    regions.errors.ArgumentError: method is 'smaple'; choose one of sample (did you mean 'sample'?)
    """
    options = options or {}
    found: Any = given if isinstance(given, base or _types(registry)) else None
    label = f"{what} {given!r}" if found is None else f"{what} {type(given).__name__}"
    if found is None:
        if not isinstance(given, str) or given not in registry:
            raise _unknown(what, given, [*words, *registry])
        found = registry[given]
    check_options(label, options, options_of(found), beside)
    if not isinstance(found, type):
        return replace(found, **options)
    missing = [name for name in _required(found) if name not in options]
    if missing:
        raise ArgumentError(f"{label} needs the option(s) {', '.join(missing)}")
    return found(**options)


def options_of(choice: Any) -> tuple[str, ...]:
    """Return the names of a choice's options, in their order.

    Examples
    --------
    >>> from regions.representations import CKA
    >>> options_of(CKA)
    ('debiased',)
    """
    return tuple(field.name for field in fields(choice) if field.init)


def check_name(what: str, given: object, names: Iterable[str]) -> None:
    """Raise an `ArgumentError` that lists the known names unless `given` is one of them."""
    names = list(names)
    if not isinstance(given, str) or given not in names:
        raise _unknown(what, given, names)


def check_options(
    label: str, given: Iterable[str], known: Collection[str], beside: Collection[str] = ()
) -> None:
    """Raise an `ArgumentError` that lists the known options if one of the given is not known."""
    unknown = sorted(set(given).difference(known))
    if unknown:
        others = f"; beside them: {', '.join(beside)}" if beside else ""
        raise ArgumentError(
            f"{label} does not know the option(s) {', '.join(unknown)}; its options are: "
            f"{', '.join(known) or 'none'}{others}{meant(unknown, [*known, *beside])}"
        )


def _unknown(what: str, given: object, names: list[str]) -> ArgumentError:
    hint = meant([given], names)
    return ArgumentError(f"{what} is {given!r}; choose one of {', '.join(names)}{hint}")


def meant(given: Iterable[object], names: list[str]) -> str:
    """Return which of the names may have been meant, in brackets; "" if none is near.

    Examples
    --------
    >>> meant(["con1"], ["conv1", "fc"])
    " (did you mean 'conv1'?)"
    """
    found = [match for word in given for match in get_close_matches(str(word), names, n=1)]
    return f" (did you mean {' or '.join(map(repr, found))}?)" if found else ""


def _types(registry: Mapping[str, Any]) -> tuple[type, ...]:
    return tuple(entry if isinstance(entry, type) else type(entry) for entry in registry.values())


def _required(choice: type) -> list[str]:
    return [
        field.name
        for field in fields(choice)
        if field.init and field.default is MISSING and field.default_factory is MISSING
    ]
