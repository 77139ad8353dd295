"""In which order units are kept: the orders of subspace node pruning and their controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from scipy import linalg

from regions.choices import check_name
from regions.pruning.removal.gram import Gram


def unit_order(
    gram: Gram,
    order: str,
    outgoing: np.ndarray,
    constant: bool = True,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Return the units of `gram`, most important first; equal scores: the earlier unit.

    Parameters
    ----------
    gram : Gram
        One input per unit (`Gram.of_units`).
    order : str
        With C the inner products of the units (given the constant, if that is kept):

        - ``"residual"``: 1 / (C^-1)_ii, what all other units together leave of a unit;
        - ``"decorrelator"``: 1 / ((C^-1/2)_ii)^2, the symmetric decorrelator scaled to a unit
          diagonal. One of these two is the paper's unnormalised ZCA: its formula is not public;
        - ``"energy"``: |x_i|^2, with its mean;
        - ``"weight-sum"``: sum of the absolute outgoing weights;
        - ``"obs"``: 1 / (C^-1)_ii times the squared norm of the outgoing weights, the error that
          removing this unit alone makes after the refit (optimal brain surgeon, for a unit);
        - ``"qr"``: pivoted QR, greedily the unit that those before it leave most of;
        - ``"random"``.
    outgoing : array of shape (units, m)
        Outgoing weights of each unit.
    constant : bool
        Whether the constant is kept: it is where the next layer has a bias.
    rng : numpy.random.Generator
        For ``"random"``.

    Examples
    --------
    >>> gram = Gram.of(np.array([[3.0, 3.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    >>> unit_order(gram, "energy", np.ones((3, 1)), constant=False).tolist()
    [1, 0, 2]
    >>> unit_order(gram, "qr", np.ones((3, 1)), constant=False).tolist()
    [1, 2, 0]
    """
    check_name("order", order, ORDERS)
    if order == "random":
        return np.random.default_rng(rng).permutation(len(gram.units))
    matrix = _inner(gram, constant)
    if order == "qr":
        # pivots of the columns of U with C = U^T U are those of the activations themselves
        return linalg.qr(linalg.cholesky(matrix), mode="r", pivoting=True)[-1]
    return np.argsort(-_SCORES[order](gram, matrix, outgoing), kind="stable")


def unit_residuals(gram: Gram, order: np.ndarray, constant: bool = True) -> np.ndarray:
    """Return D of C = L D L^T in this order: the energy of each unit that those before leave.

    The squared diagonal of the Cholesky factor. The first is that of order[0], and so on.

    >>> gram = Gram.of(np.array([[3.0, 3.0], [0.0, 1.0]]))
    >>> unit_residuals(gram, np.array([0, 1]), constant=False).round(3).tolist()
    [9.0, 1.0]
    """
    matrix = _inner(gram, constant)[np.ix_(order, order)]
    return np.diag(linalg.cholesky(matrix, lower=True)) ** 2


def _inner(gram: Gram, constant: bool) -> np.ndarray:
    return gram.given_constant() if constant else gram.ridged[:-1, :-1]


def _residual(gram: Gram, matrix: np.ndarray, outgoing: np.ndarray) -> np.ndarray:
    return 1.0 / np.diag(linalg.inv(matrix))


def _decorrelator(gram: Gram, matrix: np.ndarray, outgoing: np.ndarray) -> np.ndarray:
    values, vectors = linalg.eigh(matrix)
    return (vectors**2 @ values**-0.5) ** -2.0


def _energy(gram: Gram, matrix: np.ndarray, outgoing: np.ndarray) -> np.ndarray:
    return np.diag(gram.matrix)[:-1]


def _weight_sum(gram: Gram, matrix: np.ndarray, outgoing: np.ndarray) -> np.ndarray:
    return np.abs(outgoing).sum(axis=1)


def _obs(gram: Gram, matrix: np.ndarray, outgoing: np.ndarray) -> np.ndarray:
    return _residual(gram, matrix, outgoing) * (outgoing**2).sum(axis=1)


_Score = Callable[[Gram, np.ndarray, np.ndarray], np.ndarray]
_SCORES: Mapping[str, _Score] = MappingProxyType(
    {
        "residual": _residual,
        "decorrelator": _decorrelator,
        "energy": _energy,
        "weight-sum": _weight_sum,
        "obs": _obs,
    }
)
ORDERS = (*_SCORES, "qr", "random")
