"""Two-dimensional domains as exact convex polygons, in coordinates in which they are bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import lcm

import numpy as np

from regions.counting.exact.forms import Form, Forms, Place
from regions.counting.plane.chain import line
from regions.counting.plane.outline import Labelled, Outline, Sides, across, between, clip, sectors
from regions.counting.plane.polygon_kernel import FAR, LX, REACH, ROW, TINY, UNIT, X, Y
from regions.counting.scale import typical_distance
from regions.errors import DomainError
from regions.exact.scaled import Scaled, joined, primitive
from regions.exact.solve import crossing, sign, value
from regions.networks import Box, ReLUNetwork, Slice

_EMPTY = "the planar domain is empty; widen its box or move its points"
_FLATTEST = 1e3  # condition of the coordinates of a slice
_SMALLEST = 1e-300
_LOOKED_AT = 64  # lines of which two are chosen


@dataclass(frozen=True, eq=False)
class Part:
    """A convex part of a planar domain.

    Its coordinates (x, y, 1) stand for the frame's homogeneous ones ``axes @ (x, y, 1)``; in them
    it lies within about [-1, 1]^2, also where the domain is unbounded.

    Attributes
    ----------
    vertices : (k, ROW) array
        Vertices, each with the line of the edge to the next one (`polygon_kernel`).
    labels : (k,) int array
        -1 - i for side i of the domain; a hidden unit's own number where the part ends at it.
    axes : (3, 3) Scaled
    """

    vertices: np.ndarray
    labels: np.ndarray
    axes: Scaled

    def columns(self, place: Place) -> Scaled:
        """Return the inputs that x, y and 1 stand for, (3, n0)."""
        rows = joined([place.directions, place.start.reshape(1, -1)])
        if self.axes.exponent == 0 and (self.axes.ints == np.eye(3, dtype=int)).all():
            return rows
        return self.axes.transposed() @ rows


@dataclass(frozen=True, eq=False)
class PlanarFrame:
    """A planar domain and its parts: one if it is bounded, else some that units' lines cut off.

    Attributes
    ----------
    place : Place
    sides : dict
        The forms of the domain's sides, in the frame's coordinates, by their labels.
    parts : tuple of Part
    bounded : bool
    center, axes : (2,) and (2, 2) arrays
        The domain's own coordinates are ``center + (x, y) @ axes``.
    """

    place: Place
    sides: dict[int, Form]
    parts: tuple[Part, ...]
    bounded: bool
    center: np.ndarray
    axes: np.ndarray

    @property
    def polygon(self) -> np.ndarray:
        """Homogeneous vertices (x, y, 1) of a bounded domain."""
        return homogeneous(self.parts[0].vertices)

    def coordinates(self, vertices: np.ndarray) -> np.ndarray:
        """Return the domain's own coordinates of homogeneous vertices, (k, 2)."""
        return self.center + vertices[:, :2] / vertices[:, 2:] @ self.axes


def homogeneous(vertices: np.ndarray) -> np.ndarray:
    """Return (x, y, 1) of rows of vertices."""
    return np.column_stack([vertices[:, [X, Y]], np.ones(len(vertices))])


def planar_frame(net: ReLUNetwork, domain: Box | Slice | None) -> PlanarFrame:
    """Return the frame of a planar domain, bounded or not.

    Raises
    ------
    DomainError
        If the domain is not two-dimensional, or empty or flat.
    """
    dimension = net.input_size if domain is None else domain.dimension
    if dimension != 2:
        raise DomainError(
            f"the domain has dimension {dimension}, and a planar one is needed: give a Box of two "
            "inputs or a Slice through three points, or use method='cells'"
        )
    whole = Box.cube(2, -np.inf, np.inf) if domain is None else domain
    place = Place.of(whole, whole.input_size)
    corners = _corners(place)
    return _unbounded(net, whole) if corners is None else _bounded(place, *corners)


def _sides(place: Place) -> Sides:
    """Return the domain's sides: those of a slice that bound it are few among many."""
    labels = (-1 - place.numbers).tolist()
    return Sides(labels, lambda label: place.side(-1 - label), _rows(place))


def _rows(place: Place) -> np.ndarray:
    """Return the sides in float64: coefficients of the coordinates, of the start, and bounds."""
    domain = place.domain
    box = domain.box if isinstance(domain, Slice) else domain
    if box is None:
        return np.zeros((0, 4))
    inputs = place.numbers % box.input_size
    bounds = np.concatenate([box.low, box.high])[place.numbers]
    columns = place.directions.floats().T[inputs], place.start.floats()[inputs], -bounds
    rows = np.column_stack(columns) * np.where(place.numbers < box.input_size, 1, -1)[:, None]
    with np.errstate(all="ignore"):
        sizes = np.abs(rows)
        unsafe = (sizes > 1e290) | ((sizes > 0) & (sizes < 1e-290))
        rows = np.ldexp(rows, -np.frexp(sizes.max(axis=1, keepdims=True))[1])
    rows[unsafe.any(axis=1)] = np.nan
    return rows


def _corners(place: Place) -> tuple[np.ndarray, list[int]] | None:
    """Return a bounded domain's corners in the place's coordinates, and its sides' labels in order.

    None if it is unbounded.
    """
    domain = place.domain
    assert domain is not None
    if isinstance(domain, Box):
        if not domain.bounded:
            return None
        return np.array(list(product(*zip(domain.low, domain.high, strict=True)))), [-2, -3, -4, -1]
    free, sides = _free(domain.input_size), _sides(place)
    outline = None
    if domain.box is not None and domain.box.bounded:
        bits = max(int(size).bit_length() for size in _lengths(domain)) + 60
        outline = clip(_square(free, bits), sides)
    if outline is None or min(outline.labels) <= free:
        inside = _inside(sides, free, (free - 1, (1, 0, 0)), (free - 2, (0, 1, 0)))
        points = [point for part, _ in inside for point in part.points]
        if any(point[2] == 0 for point in points):
            return None
        bits = max((max(abs(x), abs(y)) // w).bit_length() for x, y, w in points) + 1
        outline = clip(_square(free, bits), sides)
        assert outline is not None
    return _as_floats(outline.points), list(outline.labels)


def _square(free: int, bits: int) -> Outline:
    """Return the square around the origin that reaches so far out."""
    edges = ((0, 1), (-1, 0), (0, -1), (1, 0))
    return between([(free - i, (a, b, 1 << bits)) for i, (a, b) in enumerate(edges)])


def _as_floats(points: Sequence[Form]) -> np.ndarray:
    try:
        return np.array([[x / w, y / w] for x, y, w in points])
    except OverflowError:
        raise DomainError(
            "a corner of the plane is more than 1e308 of its points' differences away; choose "
            "points that are further apart, or a smaller box"
        ) from None


def _lengths(domain: Slice) -> np.ndarray:
    """Return about how many of each of a slice's differences lead across its box."""
    lengths = np.linalg.norm(domain.points[1:] - domain.points[0], axis=1)
    assert domain.box is not None
    with np.errstate(all="ignore"):
        across = np.linalg.norm(domain.box.high - domain.box.low) / np.maximum(lengths, _SMALLEST)
    return np.minimum(np.where(np.isfinite(across), across, 1e300), 1e300)


def _free(input_size: int) -> int:
    """Return the first label that no side of a box has; it is that of the line at infinity."""
    return -1 - 2 * input_size


def _inside(sides: Sides, free: int, one: Labelled, two: Labelled) -> list[tuple[Outline, Outline]]:
    """Return the domain's parts in the four sectors between two lines, and these sectors."""
    inside = []
    for sector in sectors(one, two, free):
        clipped = clip(sector, sides)
        if clipped is not None:
            inside.append((clipped, sector))
    if not inside:
        raise DomainError(_EMPTY)
    return inside


def _bounded(place: Place, corners: np.ndarray, labels: list[int]) -> PlanarFrame:
    domain = place.domain
    assert domain is not None
    turn = _turn(domain)
    center, axes = _coordinates(corners, turn)
    place = place.moved(center, axes)
    (a, b), (c, d) = axes.tolist()
    turns = (b or c) and Fraction(a) * Fraction(d) < Fraction(b) * Fraction(c)
    order = tuple(reversed(labels) if turns else labels)
    sides = {label: place.side(-1 - label) for label in order}
    part = _part(Outline((), order), sides, Scaled.of(np.eye(3)))
    return PlanarFrame(place, sides, (part,), True, center @ turn, axes @ turn)


def _turn(domain: Box | Slice) -> np.ndarray:
    """Return how the domain's own coordinates follow from those of `Place`: z = a @ turn."""
    if isinstance(domain, Box):
        return np.eye(2)
    return (domain.points[1:] - domain.points[0]) @ domain.basis.T


def _coordinates(corners: np.ndarray, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return center and axes of coordinates in which the corners lie within about [-1, 1]^2.

    They are short numbers where possible, so that what is exact stays exact.
    """
    center, radius = _middle(corners)
    with np.errstate(all="ignore"):
        directions = radius[:, None] * turn
        (a, b), (c, d) = directions / np.abs(directions).max(axis=1, keepdims=True)
        # for two by two the condition and its inverse add up to this
        flat = (a * a + b * b + c * c + d * d) / abs(a * d - b * c)
    if not flat > _FLATTEST:
        return center, np.diag(radius)
    back = np.linalg.inv(turn)
    center, radius = _middle(corners @ turn)
    return center @ back, radius[:, None] * back


def _middle(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a short middle of some points and powers of two that reach them all from there."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.exp2(np.floor(np.log2(np.maximum(high / 2 - low / 2, _SMALLEST))))
    middle = np.round((low / 2 + high / 2) / size * 4) / 4 * size
    middle[(low <= 0) & (high >= 0)] = 0.0
    reach = np.maximum(np.maximum(high - middle, middle - low), _SMALLEST)
    return middle, np.exp2(np.minimum(np.ceil(np.log2(reach)), 1023.0))


def _unbounded(net: ReLUNetwork, domain: Box | Slice) -> PlanarFrame:
    axes = np.diag(_feature_scales(net, domain))
    place = Place.of(domain, domain.input_size, np.zeros(2), axes)
    free = _free(domain.input_size)
    sides = _sides(place)
    lines = {-1 - number: form for number, form in place.sides.items()}
    lines |= {free: (0, 0, 1), free - 1: (1, 0, 0), free - 2: (0, 1, 0)}
    none = np.zeros(0, dtype=bool)
    forms = dict(enumerate(Forms(net, place).units(0, none))) if net.relu_layers else {}
    bent = [(unit, form) for unit, form in forms.items() if any(form[:2])]
    one, two = _widest(bent) if bent else (None, None)
    if one is None or two is None:  # one region, whichever part is looked at
        found = _inside(sides, free, (free - 1, lines[free - 1]), (free - 2, lines[free - 2]))[:1]
    elif one[1][0] * two[1][1] != one[1][1] * two[1][0]:
        found = _inside(sides, free, one, two)
    else:
        inside = _inside(sides, free, (free - 1, lines[free - 1]), (free - 2, lines[free - 2]))
        outlines, own = across([outline for outline, _ in inside], one[1], one[0], free - 3)
        found, lines = [(outline, outline) for outline in outlines], {**lines, **own}
    parts = [_part(outline, {**lines, **forms}, _chart(outline, whole)) for outline, whole in found]
    turn = _turn(domain)
    return PlanarFrame(place, lines, tuple(parts), False, np.zeros(2), axes @ turn)


def _widest(lines: list[tuple[int, Form]]) -> tuple[tuple[int, Form], tuple[int, Form]]:
    """Return two lines of the first few, and if all are parallel of all, that cross widely."""
    normals = np.array([[x / max(abs(a), abs(b)) for x in (a, b)] for _, (a, b, _) in lines])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    x, y = normals[:_LOOKED_AT].T
    sines = np.abs(np.outer(x, y) - np.outer(y, x))
    one, two = np.unravel_index(int(sines.argmax()), sines.shape)
    if sines[one, two] > 0.01:
        return lines[one], lines[two]
    a, b, _ = lines[0][1]
    apart = (line for line in lines if line[1][0] * b != line[1][1] * a)
    return lines[0], next(apart, lines[0])


def _part(outline: Outline, lines: dict[int, Form], axes: Scaled) -> Part:
    """Return an outline in the coordinates that `axes` gives, within the kernels' reach."""
    k = len(outline.labels)
    forms = [_turned(lines[label], axes) for label in outline.labels]
    vertices = np.zeros((k, ROW))
    for i, form in enumerate(forms):
        point = crossing([forms[i - 1], form])
        assert point is not None  # neighbouring edges are never parallel
        x, y, w = point
        vertices[i, X], vertices[i, Y] = x / w, y / w
        exact = _is(x / w, x, w) and _is(y / w, y, w)
        vertices[i, FAR] = 0.0 if exact else 4 * UNIT + TINY
        vertices[i, LX:], _ = line(form)
    if not np.abs(vertices[:, [X, Y]]).sum(axis=1).max() <= REACH:
        raise DomainError(_EMPTY)
    return Part(vertices, np.array(outline.labels), axes)


def _is(number: float, over: int, under: int) -> bool:
    """Tell whether a float64 number is exactly a ratio."""
    p, q = number.as_integer_ratio()
    return p * under == q * over


def _turned(form: Form, axes: Scaled) -> Form:
    """Return a form of the frame's coordinates in those that `axes` gives."""
    row = np.array(form, dtype=object) @ axes.ints
    return primitive(row.tolist())


def _chart(outline: Outline, whole: Outline) -> Scaled:
    """Return coordinates in which `outline` lies in the triangle (0, 0), (1, 0), (0, 1), nearly.

    The corners of a triangle, or of a parallelogram, around it are `whole`. The coordinates are
    given by short numbers where these are near enough.
    """
    points = whole.points
    far = any(max(abs(x), abs(y)) >> 1000 >= w > 0 for x, y, w in points)  # no float64 numbers
    for bits in () if far else (8, 16, 32, 52):
        corner, one, two = (_short(point, bits) for point in (points[0], points[1], points[-1]))
        axes = Scaled.of(np.column_stack([one - corner, two - corner, corner]))
        if _reaches(axes, outline.points):
            return axes
    # lines that are nearly parallel: the corners themselves
    ends = (points[0], points[1], points[-1])
    common = lcm(*(point[2] for point in ends if point[2]))
    scaled = []
    for point in ends:
        factor = common // (point[2] or max(abs(number) for number in point))
        scaled.append([max(factor, 1) * number for number in point])
    last, one, two = (np.array(point, dtype=object) for point in scaled)
    return Scaled(np.stack([one - last, two - last, last], axis=1), 0, common)


def _reaches(axes: Scaled, points: Sequence[Form]) -> bool:
    """Tell whether all points are ``axes @ (x, y, 1)`` for some |x| + |y| <= 4."""
    one, two, three = axes.ints.T.tolist()
    rows = _cross(two, three), _cross(three, one), _cross(one, two)
    turn = sign(value(rows[2], three))
    for point in points:
        x, y, w = (value(row, point) for row in rows)
        if not 0 < w * turn or abs(x) + abs(y) > 4 * w * turn:
            return False
    return True


def _cross(one: Form, two: Form) -> Form:
    (a, b, c), (d, e, f) = one, two
    return b * f - c * e, c * d - a * f, a * e - b * d


def _short(point: Form, bits: int) -> np.ndarray:
    """Return a homogeneous point, or a direction of size about 1, rounded to so many bits."""
    size = point[2] or max(abs(point[0]), abs(point[1]))
    mantissas, exponents = np.frexp([point[0] / size, point[1] / size])
    rounded = np.ldexp(np.round(np.ldexp(mantissas, bits)), exponents - bits)
    return np.array([*rounded, 1.0 if point[2] else 0.0])


def _feature_scales(net: ReLUNetwork, domain: Box | Slice) -> np.ndarray:
    """Return powers of two: about how far out the first layer's lines are, in each coordinate."""
    box = isinstance(domain, Box)
    origin = np.zeros(2) if box else domain.points[0]
    directions = np.eye(2) if box else domain.points[1:] - domain.points[0]
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(directions, axis=1)
        far = typical_distance(net, np.vstack([directions / lengths[:, None], origin]))
        scales = np.exp2(np.round(np.log2(far / lengths)))
    return np.where(np.isfinite(scales) & (scales > 0), scales, 1.0)
