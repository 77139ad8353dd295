"""How a discrepancy falls along a curve: exponentially, or as a power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize, stats

from regions.arguments import check_confidence, check_reals
from regions.choices import check_name
from regions.errors import ArgumentError
from regions.results import Result, jsonable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FORMS = ("exponential", "power")
_FEWEST = 4
_ROUNDING = 1e-14  # of log D, relative to it: what an exact law leaves
# autocorrelations over which the interval averages, all alike before the data
_MEMORY = np.linspace(-0.99, 0.99, 80)


@dataclass(frozen=True, kw_only=True, repr=False)
class DecayFit(Result):
    """log D = c - rate n ("exponential") or c - rate log n ("power"), by least squares.

    Attributes
    ----------
    form : str
    rate, low, high : float
        The rate and its interval (95 % unless asked otherwise) for this curve's own slope.
    r_squared : float
        Of log D.
    rms : float
        Root mean square residual of log D (0.1 is about 10 % of D).
    points : int
    n, errors : tuple of float
        The curve itself.

    Examples
    --------
    >>> n = np.arange(1, 9)
    >>> fit_decay(n, 0.5**n).summary()
    'D ~ exp(-rate n) with rate 0.693 [0.693, 0.693], R^2 of log D 1.000 on 8 points.'
    """

    form: str
    rate: float
    low: float
    high: float
    r_squared: float
    rms: float
    points: int
    n: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def halving(self) -> float:
        """How many more n halve D, for an exponential (NaN for a power)."""
        return float(np.log(2) / self.rate) if self.form == "exponential" else float("nan")

    def row(self) -> dict[str, Any]:
        """Return the fit without its curve: the row of a frame."""
        return {name: value for name, value in vars(self).items() if name not in ("n", "errors")}

    def to_frame(self) -> pd.DataFrame:
        """Return one row: the law, its rate with the interval, and how well it fits."""
        import pandas as pd

        return pd.DataFrame([self.row()])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready objects."""
        return jsonable(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curve and the law fitted to it, on the axes on which that law is a line."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        n, errors = np.array(self.n), np.array(self.errors)
        x = n if self.form == "exponential" else np.log(n)
        fitted = np.exp(np.log(errors).mean() - self.rate * (x - x.mean()))
        law = "exp(-rate n)" if self.form == "exponential" else "n^-rate"
        ax.plot(n, errors, "o", label="D")
        ax.plot(n, fitted, "--", color="0.4", label=f"D ~ {law}, rate {self.rate:.3g}")
        ax.set(xscale="linear" if self.form == "exponential" else "log", yscale="log")
        ax.set(xlabel="n", ylabel="D")
        ax.legend()
        return ax

    def summary(self) -> str:
        """Return the fit as a sentence."""
        law = "exp(-rate n)" if self.form == "exponential" else "n^-rate"
        same = "undefined because D stays the same"
        share = f"{self.r_squared:.3f}" if self.r_squared == self.r_squared else same
        return (
            f"D ~ {law} with rate {self.rate:.3g} [{self.low:.3g}, {self.high:.3g}], R^2 of log D "
            f"{share} on {self.points} points."
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
        If there are fewer than four points, n or D is not positive, or all n are the same.

    Notes
    -----
    The points of one curve are steps of one path: neighbours err alike. Residuals are taken as an
    autoregression of first order in the order of the points. Given its coefficient rho, the rate
    by generalised least squares is Student t with n - 2 degrees of freedom; the interval is that
    of the mixture over rho, weighted by the restricted likelihood with rho uniform in (-1, 1)
    (Zellner and Tiao 1964, doi:10.1080/01621459.1964.10480726, in the restricted form), and is
    extended to the least-squares rate where that lies outside.

    Simulated coverage of 95 % intervals: .94 to .98 with white and with AR(.5) noise for 8 and 10
    points, .95 to .97 for 15 to 60 (Newey-West intervals: .61 to .89). Stronger memory is seen too
    late: with AR(.8) noise .85 to .88 for 8 points, .90 for 15, .93 or more from 30 on.

    The interval says how well the slope of *this* curve over *this* range is known; it does not
    say that the law holds, beyond it or at all: compare both forms, and take intervals across
    networks from one fit per network.

    Examples
    --------
    >>> n = np.arange(1, 20)
    >>> fit = fit_decay(n, 3.0 * 0.5**n)
    >>> round(fit.rate, 6), round(fit.halving, 6), round(fit_decay(n, n**-2.0, "power").rate, 6)
    (0.693147, 1.0, 2.0)
    """
    check_name("form", form, FORMS)
    check_confidence(level, "level")
    n, errors = check_reals(n, "n"), check_reals(errors, "errors")
    if n.shape != errors.shape or n.ndim != 1 or len(n) < _FEWEST:
        raise ArgumentError(
            f"n has shape {n.shape} and D {errors.shape}; expected the same, of {_FEWEST} or more"
        )
    if not (n > 0).all() or not (errors > 0).all():
        raise ArgumentError("a decay is fitted to logarithms: n and D must be positive")
    y = np.log(errors)
    x, spread = _standardised(n if form == "exponential" else np.log(n))
    y_centred = (y - y[0]) - (y - y[0]).mean()
    slope = float(-x @ y_centred / len(x))
    rms = float(np.sqrt(np.mean((y_centred + slope * x) ** 2)))
    low = high = slope
    if rms > _ROUNDING * (1 + np.abs(y).max()):
        low, high = _interval(*posterior(np.column_stack([np.ones_like(x), -x]), y_centred), level)
    return DecayFit(
        form=form,
        rate=slope / spread,
        low=min(low, slope) / spread,
        high=max(high, slope) / spread,
        r_squared=float(1 - rms**2 / np.var(y_centred)) if np.ptp(y) > 0 else float("nan"),
        rms=rms,
        points=len(n),
        n=tuple(n.tolist()),
        errors=tuple(errors.tolist()),
    )


def _standardised(x: np.ndarray) -> tuple[np.ndarray, float]:
    """Return x with mean 0 and mean square 1, and what it was divided by.

    A law does not depend on the unit of n or where it starts; products of the raw n would.
    """
    offset = x - x[0]
    largest = float(np.abs(offset).max())
    if largest == 0:
        raise ArgumentError(
            f"n is the same at all {len(x)} points; expected a curve, D at several n"
        )
    scaled = offset / largest
    centred = scaled - scaled.mean()
    size = float(np.sqrt(np.mean(centred**2)))
    return centred / size, size * largest


def posterior(design: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return rates, their errors and weights for each autocorrelation, and degrees of freedom.

    `y` is (..., points); the results are (autocorrelations, ...).
    """
    df = design.shape[0] - design.shape[1]
    rates, errors, logs = [], [], []
    for memory in _MEMORY:
        white, target = _whitened(design.T, memory).T, _whitened(y, memory)
        inverse = np.linalg.inv(white.T @ white)
        found = target @ white @ inverse
        squares = ((target - found @ white.T) ** 2).sum(-1)
        rates.append(found[..., 1])
        errors.append(np.sqrt(squares / df * inverse[1, 1]))
        volume = np.log(1 - memory**2) + np.linalg.slogdet(inverse)[1]
        logs.append((volume - df * np.log(squares)) / 2)
    weights = np.exp(logs - np.max(logs, axis=0))
    return np.array(rates), np.array(errors), weights / weights.sum(0), df


def _whitened(series: np.ndarray, memory: float) -> np.ndarray:
    """Return (..., points) as independent, if it is a stationary autoregression."""
    rest = series[..., 1:] - memory * series[..., :-1]
    return np.concatenate([np.sqrt(1 - memory**2) * series[..., :1], rest], axis=-1)


def _interval(
    rates: np.ndarray, errors: np.ndarray, weights: np.ndarray, df: int, level: float
) -> tuple[float, float]:
    """Return the quantiles of a mixture of Student t distributions."""

    def quantile(share: float) -> float:
        ends = rates + stats.t.ppf(share, df) * errors

        def beyond(at: float) -> float:
            return float(weights @ stats.t.cdf((at - rates) / errors, df)) - share

        wide = float(errors.max())
        low, high = float(ends.min()) - wide, float(ends.max()) + wide
        return float(optimize.brentq(beyond, low, high))  # type: ignore[arg-type]

    return quantile((1 - level) / 2), quantile((1 + level) / 2)
