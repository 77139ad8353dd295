"""Whether models are a sample of further ones: one model, copies and untouched networks are none.

Every verb asks here before it gives an interval or a p-value.
"""

from __future__ import annotations

from collections.abc import Sequence

from regions.recall.coincidence import by_chance, copies_of
from regions.recall.table import RecallTable

SAME_VALUE = "all models give the same value, so nothing is known of further ones"


def why_untested(table: RecallTable, rows: Sequence[int] | None = None) -> str:
    """Return why nothing follows for further models from these ratios together; "" if it does.

    Examples
    --------
    >>> import regions
    >>> table = regions.RecallTable.from_counts([[9, 7]] * 3, {2: [[8, 5]] * 3}, n=10)
    >>> why_untested(table)
    'copies of one model say nothing about further ones (all 3 have the same counts)'
    """
    rows = range(len(table.ratios)) if rows is None else rows
    if table.identical[list(rows)].all():
        return untouched(table)
    return why_not_sampled(table, rows)


def why_not_sampled(table: RecallTable, rows: Sequence[int]) -> str:
    """Return why the models are no sample of further ones; "" if they are."""
    if table.n_models < 2:
        return "one model says nothing about further ones"
    copies = copies_of(table, rows)
    if not copies:
        return ""
    alike = "the same predictions" if table.predictions is not None else "the same counts"
    if len(copies) == table.n_models - 1:
        return (
            f"copies of one model say nothing about further ones (all {table.n_models} have "
            f"{alike})"
        )
    if by_chance(table, rows):
        return ""
    shown = ", ".join(copies[:4]) + (", ..." if len(copies) > 4 else "")
    hint = "" if table.predictions is not None else ", or give predictions if they are none"
    return (
        f"{len(copies)} of {table.n_models} models are copies of others ({alike}: {shown}), which "
        f"are no further sample; leave them out{hint}"
    )


def why_each(table: RecallTable) -> list[str]:
    """Return the same for each ratio by itself."""
    return [why_untested(table, [row]) for row in range(len(table.ratios))]


def untouched(table: RecallTable) -> str:
    """Return in words that pruning changed nothing that is counted."""
    images = "number of images" if table.both is None else "images"
    return (
        f"the pruned networks are right on the same {images} of every class as their dense networks"
    )


def chance_note(table: RecallTable) -> str:
    """Return that some models are alike at a ratio, where that may be chance; "" if none are."""
    for row, ratio in enumerate(table.ratios):
        if not why_not_sampled(table, [row]) and (copies := copies_of(table, [row])):
            alike = "predictions" if table.predictions is not None else "counts"
            return (
                f"{len(copies)} of {table.n_models} models have the {alike} of another at ratio "
                f"{ratio:g}, as chance makes on so few images; leave out those that are copies"
            )
    return ""
