import matplotlib
import numpy as np
import pytest
from counting_oracles import dense, random_layers

import regions
from regions.counting import breakpoints, count_regions, line_density, plot_line_density
from regions.counting.pictures import class_polygons
from regions.counting.plane.planar import planar_frame
from regions.counting.plane.plane import plane_cells

matplotlib.use("Agg")
BOX = regions.Box.cube(2, -1.0, 1.0)


@pytest.fixture
def ax():
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    yield ax
    plt.close("all")


@pytest.fixture
def net(rng):
    hidden = random_layers(rng, [2, 8, 8])
    return regions.as_network([*hidden, (rng.normal(size=(3, 8)), np.zeros(3))])


def test_every_region_is_drawn_once(net, ax):
    assert regions.plot_regions(net, BOX, ax=ax) is ax
    assert len(ax.collections[0].get_paths()) == count_regions(net, BOX).count
    assert ax.get_xlim() == (-1.0, 1.0) and ax.get_xlabel() == "input 1"


def test_every_layer_has_its_boundaries(net, ax):
    regions.plot_regions(net, BOX, by="layer", ax=ax)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == [layer.name for layer in net.relu_layers]
    # boundaries of the first layer are straight: every segment lies on one of its lines
    first = ax.collections[-1].get_segments()
    layer = net.layers()[0]
    values = [layer.matrix @ np.asarray(segment).T + layer.bias[:, None] for segment in first]
    assert all(np.abs(value).max(axis=1).min() < 1e-9 for value in values)


def test_class_polygons_are_where_that_output_is_largest(net):
    frame = planar_frame(net, BOX)
    areas = 0.0
    for cells in plane_cells(net, frame):
        polygons, classes = class_polygons(frame, cells)
        middles = np.array([polygon.mean(axis=0) for polygon in polygons])
        assert (net(middles).argmax(axis=1) == classes).all()
        for x, y in (polygon.T for polygon in polygons):
            areas += (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2
    assert areas == pytest.approx(4.0)


def test_an_output_that_is_largest_only_inside_a_region_is_drawn():
    """Outputs x, -x and .1 on one region: the third wins in a strip that holds no corner."""
    outputs = (np.array([[1.0], [-1.0], [0.0]]), np.array([-5.0, 5.0, 0.1]))
    net = regions.as_network([(np.array([[1.0, 0.0]]), np.array([5.0])), outputs])
    frame = planar_frame(net, BOX)
    (cells,) = plane_cells(net, frame)
    polygons, classes = class_polygons(frame, cells)
    assert sorted(classes) == [0, 1, 2]
    strip = polygons[list(classes).index(2)]
    np.testing.assert_allclose(np.unique(strip[:, 0].round(12)), [-0.1, 0.1])


def test_one_output_is_coloured_by_its_sign(rng, ax):
    net = regions.as_network([*random_layers(rng, [2, 6]), (rng.normal(size=(1, 6)), [-0.5])])
    regions.plot_regions(net, BOX, by="class", ax=ax)
    names = {text.get_text() for text in ax.get_legend().get_texts()}
    assert names <= {"output <= 0", "output > 0"} and names


def test_densities_integrate_to_the_number_of_breakpoints(rng, ax):
    net = dense(*random_layers(rng, [4, 30, 30]))
    line = regions.Slice.through(3 * rng.normal(size=(2, 4)))
    table = line_density(net, line, bins=17)
    assert table["breakpoints"].sum() == len(breakpoints(net, line)) > 10
    lengths = table["density"] * (table["end"] - table["start"])
    assert lengths.sum() == pytest.approx(len(breakpoints(net, line)))
    plot_line_density(net, line, bins=17, ax=ax)
    assert ax.get_ylabel() == "breakpoints per unit length"


def test_what_cannot_be_drawn_says_why(net, ax):
    with pytest.raises(regions.errors.ArgumentError, match="'shape'"):
        regions.plot_regions(net, BOX, by="shape", ax=ax)
    with pytest.raises(regions.errors.DomainError, match="unbounded"):
        regions.plot_regions(net, regions.Box.cube(2, -np.inf, np.inf), ax=ax)
    with pytest.raises(regions.errors.DomainError, match="bounded line"):
        line_density(net, BOX)
    with pytest.raises(regions.errors.ArgumentError, match="bins"):
        line_density(net, regions.Slice.through([[0.0, 0.0], [1.0, 1.0]]), bins=0)


def test_a_density_ends_where_the_line_leaves_its_box():
    net = dense((np.array([[1.0, 0.0]]), np.zeros(1)))
    box = regions.Box([-1.0, -3.0], [1.0, 3.0])
    line = regions.Slice.through([[0.0, 0.0], [4.0, 3.0]], box=box)
    table = line_density(net, line, bins=4)
    assert (table["start"].min(), table["end"].max()) == pytest.approx((-1.25, 1.25))
    assert (table["density"] * (table["end"] - table["start"])).sum() == pytest.approx(1.0)


def test_the_points_of_a_slice_are_ringed_where_they_lie(rng, ax):
    hidden = random_layers(rng, [5, 8, 8])
    net = regions.as_network([*hidden, (rng.normal(size=(3, 8)), np.zeros(3))])
    points = rng.normal(size=(3, 5))
    plane = regions.Slice.through(points, box=regions.Box.cube(5, -4, 4))
    regions.plot_regions(net, plane, ax=ax)
    white, black = ax.collections[-2:]
    for rings in (white, black):
        at = np.asarray(rings.get_offsets())
        assert np.allclose(plane.origin + at @ plane.basis, points)
        assert not len(rings.get_facecolors())  # what lies below is seen


def test_many_regions_are_pixels_with_thin_edges_and_the_legend_stands_outside(
    net, ax, monkeypatch
):
    import matplotlib.pyplot as plt

    def drawn(where):
        regions.plot_regions(net, BOX, by="class", ax=where)
        where.figure.canvas.draw()
        fill, edges = where.collections[:2]
        return fill.get_rasterized(), edges.get_linewidths()[0]

    few = drawn(ax)
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1
    monkeypatch.setattr("regions.counting.pictures._MANY", 10)
    many = drawn(plt.figure().add_subplot())
    assert not few[0] and many[0] and many[1] < few[1] / 2
