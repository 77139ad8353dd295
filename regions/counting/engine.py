"""What every counting engine is: a named choice whose fields are its options."""

from __future__ import annotations

from typing import ClassVar, Protocol

from regions.counting.effort import Effort
from regions.counting.question import Kind, Question
from regions.counting.result import Found


class Engine(Protocol):
    """A frozen dataclass that answers a question with the effort allowed.

    Attributes
    ----------
    name : str
        What `count_regions` calls it by: ``method="..."``.
    kinds : tuple of str
        The kinds of regions it can count.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[Kind, ...]]

    def found(self, question: Question, effort: Effort) -> Found:
        """Count, and return what is known.

        Raises
        ------
        DomainError
            If the engine cannot take the domain.
        """
        ...
