"""The exceptions that users of `regions` may want to catch."""


class RegionsError(Exception):
    """Base class of every error that `regions` raises on purpose."""


class UnsupportedModelError(RegionsError, ValueError):
    """The model holds an operation that has no exact piecewise-linear description here."""


class ConversionError(RegionsError, RuntimeError):
    """The description read from a model does not reproduce the model's own outputs."""


class DomainError(RegionsError, ValueError):
    """The domain is empty, degenerate, unbounded where it must not be, or of the wrong size."""


class ArgumentError(RegionsError, ValueError):
    """An argument has the wrong shape, type or range; the message says what was expected."""


class BudgetError(RegionsError, ValueError):
    """A density or weight budget cannot be met by the layers it is meant for."""


class DataError(RegionsError, ValueError):
    """A file is missing, truncated, mislabelled, too large, or not of the expected format."""


class OutputError(DataError, OSError):
    """A file or folder cannot be written: read-only, full, or in the way of something else."""


class SolverError(RegionsError, RuntimeError):
    """A solver is missing, failed, or returned something that cannot be trusted."""


class OutOfTime(RegionsError, TimeoutError):
    """The time limit of a call is over, and the call has no other way to say so."""


class TaskError(RegionsError, RuntimeError):
    """Tasks of a study ended with an error; all others are done and kept."""


class WorkersLost(RegionsError, RuntimeError):
    """Workers were killed again and again, or their cluster is gone; what is known is kept."""


class DependencyError(RegionsError, ImportError):
    """An optional dependency is needed for this call; the message names the extra."""
