"""A network restricted to a plane, laid out flat for the compiled engine, with exact scaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from regions.counting.dense import dense_layer
from regions.counting.exact.rounding import Rounding
from regions.counting.plane.layer_kernel import Chain
from regions.counting.plane.polygon_kernel import TINY, UNIT
from regions.counting.plane.scale_kernel import FINEST, FLOOR, balance
from regions.exact.scaled import Scaled, exponent_of
from regions.networks import ReLUNetwork
from regions.networks.steps import Linear

_SHORT = 30_000  # weights of a first layer that is multiplied out in integers
_SHALLOW = 2  # layers in which errors do not grow
_ROUGH = 2**22  # multiplications for one layer's norm
_HARMLESS = 1e-290  # products of factors of this size lose nothing to underflow


@dataclass(frozen=True, eq=False)
class Maps:
    """Affine maps of some units on a plane.

    Attributes
    ----------
    values : (3, units) array
        Coefficients of x, y and 1; the units' own are ``values * 2**exponents``.
    errors : (2, units) array
        Bounds of the errors of the first two coefficients and of the third.
    exponents : (units,) int array
    grids : (units,) array
        The exact coefficients are multiples of 2**grid (-inf: not known).
    """

    values: np.ndarray
    errors: np.ndarray
    exponents: np.ndarray
    grids: np.ndarray


def one_layer(slope: float, first: int, total: int, units: int) -> Chain:
    """Return the chain of a single ReLU layer whose maps are given from outside."""
    return Chain(
        sizes=np.array([units, 0]),
        unit_at=np.array([0, units, units]),
        weight_at=np.zeros(2, np.int64),
        weights=np.zeros(0),
        biases=np.zeros(units),
        slopes=np.array([slope]),
        grids=np.full(units, -np.inf),
        twins=np.arange(units),
        fuzz=np.zeros(2),
        norms=np.zeros(2),
        slack=np.zeros(units),
        homogeneous=np.array([0.0, 0.0, 1.0]),
        layers=1,
        first=first,
        units=total,
    )


def flat_chain(
    net: ReLUNetwork, columns: Scaled, homogeneous: np.ndarray, tick: Callable[[], None]
) -> tuple[Chain, Maps, np.ndarray]:
    """Return the chain of `net`, the first layer's maps, and the outputs' exponents.

    Every unit is scaled by a power of two so that its coefficients are about 1 in the first layer
    and its incoming weights have norm about 1 in the others, and its outgoing weights by the
    inverse: the function and its rounding stay the same, and nothing overflows.

    Parameters
    ----------
    columns : Scaled, (3, n0)
        The inputs that the plane's coordinates (x, y, 1) stand for.
    homogeneous : (3,) array
        How much of a bias each coordinate takes.
    tick : function
        Called now and then; what it raises goes to the caller.
    """
    maps = first_maps(net, columns, homogeneous)
    exponents, grids = maps.exponents, [maps.grids]
    weights, biases, fuzz, slack = [], [np.zeros(len(exponents))], [0.0], [np.zeros(len(exponents))]
    twins, norms, layers = [_first_twins(net, len(exponents))], [0.0], len(net.relu_layers)
    tilt = float(_lowest(homogeneous).min())
    for layer in range(1, layers + 1):
        weight, bias, doubt, bias_doubt = dense_layer(net, layer, tick)
        slope, n, m = net.relu_layers[layer - 1].slope, *weight.shape
        fed = grids[-1] + min(0.0, float(_lowest(np.array(slope))))
        scaled, offset, before = np.empty((n, m)), np.empty(m), exponents
        exponents, lattice = np.empty(m, np.int64), np.empty(m)
        weight, bias = np.ascontiguousarray(weight), np.ascontiguousarray(bias)
        balance(weight, bias, before, fed, tilt, scaled, offset, exponents, lattice)
        weights.append(scaled)
        biases.append(offset)
        fuzz.append(float(_scaled(doubt, before.max() - exponents).max(initial=0.0)))
        slack.append(_scaled(bias_doubt, -exponents))
        norms.append(_norm(scaled) if layers > _SHALLOW else float(np.linalg.norm(scaled)))
        grids.append(lattice)
        if layer < layers:
            twins.append(_twins(scaled, offset, sum(map(len, twins))))
    widths = np.array(net.widths[1:])
    chain = Chain(
        sizes=widths,
        unit_at=np.concatenate([[0], np.cumsum(widths)]),
        weight_at=np.concatenate([[0], np.cumsum(widths[:-1] * widths[1:])]),
        weights=np.concatenate([weight.ravel() for weight in weights]),
        biases=np.concatenate(biases),
        slopes=np.array([layer.slope for layer in net.relu_layers]),
        grids=np.concatenate(grids),
        twins=np.concatenate(twins),
        fuzz=np.array(fuzz),
        norms=np.array(norms),
        slack=np.concatenate(slack),
        homogeneous=homogeneous,
        layers=layers,
        first=0,
        units=int(widths[:-1].sum()),
    )
    return chain, maps, exponents


def first_maps(net: ReLUNetwork, columns: Scaled, homogeneous: np.ndarray) -> Maps:
    """Return the maps of the first ReLU layer, from integers where it is small."""
    steps = net.graph.segments[0]
    step = steps[0]
    if len(steps) == 1 and isinstance(step, Linear) and net.input_size * step.size <= _SHORT:
        if len(net.graph.steps[0].shape) == 1:
            return _exact_maps(net, step, columns, homogeneous)
    return _rounded_maps(net, columns, homogeneous)


def _exact_maps(net: ReLUNetwork, step: Linear, columns: Scaled, homogeneous: np.ndarray) -> Maps:
    weight, offset = net.parameters[f"{step.weight}.weight"], step.offset(net.parameters)
    bias = np.zeros(len(weight)) if offset is None else np.asarray(offset)
    simple = _without_rounding(weight, bias, columns, homogeneous)
    if simple is not None:
        return simple
    forms = Scaled.of(weight) @ Scaled(columns.ints.T, columns.exponent, columns.divisor)
    forms = forms + Scaled.of(bias[:, None]) * Scaled.of(homogeneous[None])
    lines = [line(form, forms.divisor) for form in forms.ints.tolist()]
    rows = np.array([row for row, _ in lines])
    exponents = np.array([size + forms.exponent for _, size in lines])
    return Maps(rows[:, :3].T.copy(), rows[:, 3:5].T.copy(), exponents, rows[:, 5].copy())


def _without_rounding(
    weight: np.ndarray, bias: np.ndarray, columns: Scaled, homogeneous: np.ndarray
) -> Maps | None:
    """Return the maps where every coordinate is an input times a power of two, else None."""
    axes = columns.floats()
    fed = axes != 0
    powers = np.abs(np.frexp(axes[fed])[0]) == 0.5
    alone = (fed.sum(axis=0) == 1).all() and not fed[2].any() and columns.divisor == 1
    if not alone or not powers.all() or homogeneous.tolist() != [0.0, 0.0, 1.0]:
        return None
    with np.errstate(all="ignore"):
        values = np.vstack([axes[:2] @ weight.T, bias])
    sizes = np.abs(values[values != 0])
    if not ((sizes > _HARMLESS) & (sizes < 1 / _HARMLESS)).all():
        return None
    maps = scaled_maps(values, np.zeros((2, len(bias))), 0.0)
    lost = ((np.abs(maps.values) <= FLOOR) & (maps.values != 0)).any()
    grids = np.minimum(_lowest(maps.values).min(axis=0), 0.0)
    return None if lost else Maps(maps.values, maps.errors, maps.exponents, grids)


def line(form: list[int] | tuple[int, ...], divisor: int = 1) -> tuple[np.ndarray, int]:
    """Return ``form / divisor`` over 2**size as a row of `LINE` numbers, about 1, and that size."""
    size = max(abs(number) for number in form).bit_length() - divisor.bit_length() + 1
    up, down = max(-size, 0), divisor << max(size, 0)
    rounded, errors, grid = [], [], 0.0 if divisor == 1 else -np.inf
    for number in form:
        low = (number & -number).bit_length() - 1 if number else size
        near, grid = (number << up) / down, min(grid, float(low - size))
        exact = number == 0 or (divisor == 1 and abs(number).bit_length() - low <= 53)
        if number and abs(near) < FLOOR:
            near, exact = (FLOOR if number > 0 else -FLOOR), False
        rounded.append(near)
        errors.append(0.0 if exact else UNIT + TINY)
    return np.array([*rounded, max(errors[:2]), errors[2], grid]), size


def rounded_columns(columns: Scaled) -> tuple[np.ndarray, np.ndarray, int]:
    """Return columns in float64, their errors, and the power of two they are multiples of."""
    rounded = columns.floats()
    exact = columns.divisor == 1 and all(map(_short, columns.ints.ravel().tolist()))
    sizes = np.abs(rounded[rounded != 0])
    exact = exact and bool(((sizes > _HARMLESS) & (sizes < 1 / _HARMLESS)).all())
    errors = (UNIT * np.abs(rounded) + TINY) * float(not exact)
    return rounded, errors, exponent_of(rounded)


def _short(number: int) -> bool:
    """Tell whether an integer has at most 53 bits between its first and its last one."""
    return abs(number).bit_length() - (number & -number).bit_length() < 53


def _rounded_maps(net: ReLUNetwork, columns: Scaled, homogeneous: np.ndarray) -> Maps:
    rounded, errors, _ = rounded_columns(columns)
    rounding = Rounding(net, 0)
    gamma = rounding.gammas[0]
    with np.errstate(all="ignore"):
        bounds, _ = rounding.twin.advance(
            net.start(errors + gamma * np.abs(rounded)), 0, gamma * np.abs(homogeneous)
        )
        values, _ = net.advance(net.start(rounded), 0, homogeneous)
    if _least(rounded) * min(map(_least, net.parameters.values())) < _HARMLESS:
        bounds = bounds + _HARMLESS  # products may have been lost to underflow
    bounds = np.vstack([bounds[:2].max(axis=0), bounds[2]])
    return scaled_maps(values, bounds, -np.inf)


def _least(values: np.ndarray) -> float:
    """Return the size of the smallest number that is not zero (1 if there is none)."""
    sizes = np.abs(values)
    least = float(sizes.min(initial=1.0))
    return least if least > 0 else float(sizes.min(where=sizes > 0, initial=1.0))


def scaled_maps(values: np.ndarray, bounds: np.ndarray, grid: float) -> Maps:
    """Return maps of units, (3, units), and the bounds of their errors, scaled to size 1."""
    with np.errstate(all="ignore"):
        exponents = np.frexp(np.abs(values).max(axis=0))[1].astype(np.int64)
        values, bounds = _scaled(values, -exponents), _scaled(bounds, -exponents)
    lost = ~(np.isfinite(values).all(axis=0) & np.isfinite(bounds).all(axis=0))
    values[:, lost], bounds[:, lost] = 0.0, np.inf
    grids = grid - exponents
    grids = np.where(grids > FINEST, np.minimum(grids, 0.0), -np.inf)
    return Maps(values, bounds + np.where(bounds > 0, TINY, 0.0), exponents, grids)


def _norm(weight: np.ndarray) -> float:
    """Return a bound of the largest singular value of a matrix; sharp where it is small."""
    n, m = weight.shape
    if n * m * min(n, m) > _ROUGH:
        return 1.001 * float(np.linalg.norm(weight))
    square = weight.T @ weight if m < n else weight @ weight.T
    square = square @ square
    return 1.001 * float(np.linalg.norm(square @ square)) ** 0.125


def _scaled(values: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """Return values times powers of two; what would be lost to underflow becomes `FLOOR`."""
    if not values.any():
        return values.copy()
    with np.errstate(all="ignore"):
        scaled = np.ldexp(values, np.clip(exponents, -5000, 5000).astype(np.int32))
    lost = (values != 0) & (np.abs(scaled) < FLOOR)
    return np.where(lost, np.copysign(FLOOR, values), scaled) if lost.any() else scaled


def _lowest(values: np.ndarray) -> np.ndarray:
    """Return the exponents of the numbers' lowest bits (inf for 0)."""
    mantissas, exponents = np.frexp(values)
    whole = (mantissas * 2.0**53).astype(np.int64)
    low = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return np.where(values != 0, exponents - 53.0 + low, np.inf)


def _first_twins(net: ReLUNetwork, units: int) -> np.ndarray:
    """Return the twins of the first layer's units, where it is one matrix."""
    first, *others = net.graph.segments[0]
    if others or not isinstance(first, Linear) or len(net.graph.steps[0].shape) > 1:
        return np.arange(units)
    weight, bias = net.parameters[f"{first.weight}.weight"], first.offset(net.parameters)
    offset = np.zeros(len(weight)) if bias is None else bias
    return _twins(weight.T, offset, 0)


def _twins(weight: np.ndarray, bias: np.ndarray, first: int) -> np.ndarray:
    """Return for every unit the number of the first that is a multiple of it by a power of two.

    Or by any factor, where they have one entry.
    """
    twins, live = first + np.arange(len(bias)), weight != 0
    lead = live.argmax(axis=0) if len(weight) else np.zeros(len(bias), np.int64)
    leads = np.where(live.any(axis=0), weight[lead, twins - first], bias) if len(weight) else bias
    alone = live.sum(axis=0) + (bias != 0) == 1  # all multiples of one input are the same
    marks = np.where(alone, 0.0, np.abs(np.frexp(leads)[0]))
    order = np.argsort(marks)
    same = marks[order[1:]] == marks[order[:-1]]
    if not same.any():
        return twins
    # no other unit is a multiple of one
    chosen = np.sort(order[np.append(same, False) | np.append(False, same)])
    rows = np.column_stack([weight[:, chosen].T, bias[chosen]])
    exponents = np.frexp(np.abs(rows).max(axis=1))[1]
    signs = np.where(leads[chosen] < 0, -1.0, 1.0)
    rows = _scaled(rows, -exponents[:, None]) * signs[:, None] + 0.0
    rows[alone[chosen]] = rows[alone[chosen]] != 0
    lost, places = (np.abs(rows) == FLOOR).any(axis=1), {}
    for i, row, gone in zip(chosen.tolist(), rows, lost.tolist(), strict=True):
        if not gone:
            twins[i] = first + places.setdefault(row.tobytes(), i)
    return twins
