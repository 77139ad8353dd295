"""Gaussian single-index data: a polynomial of one sparse direction of many inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import factorial, sqrt

import numpy as np
from numpy.polynomial import hermite_e

from regions.arguments import check_number, check_reals, check_whole, is_number
from regions.errors import ArgumentError
from regions.randomness import Rng
from regions.theory.points import read_generator


@dataclass(frozen=True, kw_only=True)
class SingleIndex:
    """y = sigma(<v, x>) + noise with x ~ N(0, I_d) and a polynomial sigma.

    Parameters
    ----------
    direction : array of shape (d,)
        v, of norm one.
    coefficients : sequence of float
        sigma = sum_k coefficients[k] He_k / sqrt(k!), in normalised Hermite polynomials, so that
        the second moment of sigma is the sum of squares.
    noise : float
        Standard deviation of the normal noise.

    References
    ----------
    Vural and Erdogdu, "Pruning is optimal for learning sparse features in high dimensions" (COLT
    2024), with one direction.

    Examples
    --------
    >>> model = SingleIndex.sparse(inputs=100, size=4, rng=0)
    >>> model.information_exponent, len(model.support)
    (2, 4)
    >>> x, y = model.sample(50, rng=0)
    >>> x.shape, y.shape
    ((50, 100), (50,))
    """

    direction: np.ndarray = field(repr=False)
    coefficients: Sequence[float] = (0.0, 0.0, 1.0)
    noise: float = 0.1

    def __post_init__(self) -> None:
        v = check_reals(self.direction, "direction")
        coefficients = check_reals(self.coefficients, "coefficients")
        if v.ndim != 1 or not abs(np.linalg.norm(v) - 1) < 1e-8:
            raise ArgumentError(
                f"direction has shape {v.shape} and norm {np.linalg.norm(v):.6g}; expected one "
                "vector of norm 1"
            )
        if coefficients.ndim != 1 or not np.any(coefficients[1:]):
            raise ArgumentError(
                f"coefficients must be a list, with one after the first that is not 0, got "
                f"{self.coefficients!r}"
            )
        check_number(self.noise, "noise", least=0)
        v.flags.writeable = False
        object.__setattr__(self, "direction", v)

    @classmethod
    def sparse(
        cls,
        inputs: int,
        size: int,
        coefficients: Sequence[float] = (0.0, 0.0, 1.0),
        noise: float = 0.1,
        rng: Rng = None,
    ) -> SingleIndex:
        """Return data whose direction has `size` entries +-1/sqrt(size) at random places."""
        check_whole(inputs, "inputs", most=10**9)
        check_whole(size, "size", most=inputs)
        given = tuple(check_reals(coefficients, "coefficients").ravel().tolist())
        generator = read_generator(rng)
        direction = np.zeros(inputs)
        places = generator.choice(inputs, size, replace=False)
        direction[places] = generator.choice([-1.0, 1.0], size) / sqrt(size)
        return cls(direction=direction, coefficients=given, noise=noise)

    @property
    def support(self) -> np.ndarray:
        """Indices of the inputs that matter, ascending."""
        return np.flatnonzero(self.direction)

    @property
    def information_exponent(self) -> int:
        """Order of the first Hermite coefficient from order 1 on that is not zero."""
        return 1 + int(np.flatnonzero(self.coefficients[1:])[0])

    def soft_sparsity(self, q: float) -> float:
        """Return sum_i |v_i|^q for q in [0, 2); for q = 0 the number of nonzero entries.

        >>> round(SingleIndex(direction=[0.6, 0.8]).soft_sparsity(1), 6)
        1.4
        """
        if not (is_number(q) and 0 <= q < 2):
            raise ArgumentError(f"q must lie in [0, 2), got {q!r}")
        return float((np.abs(self.direction[self.support]) ** q).sum())

    def link(self, t: np.ndarray) -> np.ndarray:
        """Return sigma(t)."""
        scaled = [value / sqrt(factorial(k)) for k, value in enumerate(self.coefficients)]
        return hermite_e.hermeval(t, scaled)

    def sample(self, n: int, rng: Rng = None) -> tuple[np.ndarray, np.ndarray]:
        """Return `n` points of shape (n, d) and their values of shape (n,)."""
        check_whole(n, "n", most=10**9)
        generator = read_generator(rng)
        x = generator.standard_normal((n, len(self.direction)))
        return x, self.link(x @ self.direction) + self.noise * generator.standard_normal(n)
