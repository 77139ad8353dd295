"""All rules: what each operation that is dispatched becomes."""

from __future__ import annotations

from collections.abc import Callable

from regions.networks import extremes, mixing, operations

RULES: dict[str, Callable[..., operations.Result]] = {
    **operations.RULES,
    **extremes.RULES,
    **mixing.RULES,
}
