"""How a discrepancy falls along a curve: exponentially, or as a power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regions.errors import ArgumentError
from regions.results import Result, jsonable

FORMS = ("exponential", "power")
_FEWEST = 4


@dataclass(frozen=True, kw_only=True, repr=False)
class DecayFit(Result):
    """log D = c - rate n ("exponential") or c - rate log n ("power"), by least squares.

    Attributes
    ----------
    form : str
    rate, low, high : float
        The rate and its 95 % interval.
    r_squared : float
        Of log D.
    rms : float
        Root mean square residual of log D (0.1 is about 10 % of D).
    points : int
    """

    form: str
    rate: float
    low: float
    high: float
    r_squared: float
    rms: float
    points: int

    @property
    def halving(self) -> float:
        """How many more n halve D, for an exponential (NaN for a power)."""
        return float(np.log(2) / self.rate) if self.form == "exponential" else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready objects."""
        return jsonable(self)

    def summary(self) -> str:
        """Return the fit as a sentence."""
        law = "exp(-rate n)" if self.form == "exponential" else "n^-rate"
        return (
            f"D ~ {law} with rate {self.rate:.3g} [{self.low:.3g}, {self.high:.3g}], R^2 of log D "
            f"{self.r_squared:.3f} on {self.points} points."
        )


def fit_decay(n: Any, errors: Any, form: str = "exponential", level: float = 0.95) -> DecayFit:
    """Fit one law of decay to a curve.

    Parameters
    ----------
    n, errors : arrays of shape (points,)
        n > 0, and D > 0. Leave out points where D is zero up to rounding.
    form : {"exponential", "power"}
    level : float
        Of the interval.

    Raises
    ------
    ArgumentError
        If there are fewer than four points, or n or D is not positive.

    Notes
    -----
    The points of one curve are steps of one path: neighbours err alike. The interval therefore
    uses autocorrelation-robust (Newey-West) standard errors. It says how well the slope of *this*
    curve over *this* range is known; it does not say that the law holds, beyond it or at all:
    compare both forms, and take intervals across networks from one fit per network.

    Examples
    --------
    >>> n = np.arange(1, 20)
    >>> fit = fit_decay(n, 3.0 * 0.5**n)
    >>> round(fit.rate, 6), round(fit.halving, 6), round(fit_decay(n, n**-2.0, "power").rate, 6)
    (0.693147, 1.0, 2.0)
    """
    from statsmodels.api import OLS

    if form not in FORMS:
        raise ArgumentError(f"no form {form!r}; choose one of {list(FORMS)}")
    n, errors = np.asarray(n, float), np.asarray(errors, float)
    if n.shape != errors.shape or n.ndim != 1 or len(n) < _FEWEST:
        raise ArgumentError(
            f"n has shape {n.shape} and D {errors.shape}; expected the same, of {_FEWEST} or more"
        )
    if not (n > 0).all() or not (errors > 0).all():
        raise ArgumentError("a decay is fitted to logarithms: n and D must be positive")
    x, y = n if form == "exponential" else np.log(n), np.log(errors)
    lags = int(4 * (len(n) / 100) ** (2 / 9))
    model = OLS(y, np.column_stack([np.ones_like(x), -x]))
    fit = model.fit(cov_type="HAC", cov_kwds={"maxlags": lags}, use_t=True)
    low, high = fit.conf_int(1 - level)[1]
    return DecayFit(
        form=form,
        rate=float(fit.params[1]),
        low=float(low),
        high=float(high),
        r_squared=float(fit.rsquared),
        rms=float(np.sqrt(np.mean(fit.resid**2))),
        points=len(n),
    )
