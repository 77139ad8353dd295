import numpy as np
import pytest
from counting_oracles import dense, random_layers

import regions
from regions.counting import ENGINES, METHODS, choose_method, count_regions
from regions.errors import ArgumentError, DomainError, UnsupportedModelError

LAYERS = [(np.eye(2), np.zeros(2)), (np.ones((1, 2)), np.zeros(1))]
NET = regions.as_network(LAYERS)
BOX = regions.Box.cube(2, -1.0, 1.0)


def test_models_are_read_on_the_way():
    assert int(count_regions(LAYERS, BOX)) == 4


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"method": "magic"}, ArgumentError, "one of auto, line, plane"),
        ({"kind": "pieces"}, ArgumentError, "'activation' or 'convex'"),
        ({"time_limit": 0}, ArgumentError, "number of seconds above 0"),
        ({"time_limit": -1.0}, ArgumentError, "number of seconds above 0"),
        ({"time_limit": float("nan")}, ArgumentError, "number of seconds above 0"),
        ({"n_jobs": 0}, ArgumentError, "number of workers"),
        ({"n_jobs": 1.5}, ArgumentError, "number of workers"),
        ({"n_jobs": True}, ArgumentError, "number of workers"),
        ({"time_limit": "5"}, ArgumentError, "number of seconds"),
        ({"time_limit": True}, ArgumentError, "number of seconds"),
        ({"progress": 2}, ArgumentError, "True or False"),
        ({"method": 3}, ArgumentError, "one of auto, line, plane"),
        ({"walks": 10}, ArgumentError, "option.*walks"),
        ({"method": "sample", "kind": "linear"}, ArgumentError, "does not count kind='linear'"),
        ({"domain": [0, 1, 2]}, DomainError, "regions.Box"),
        ({"domain": regions.Box.cube(3, 0.0, 1.0)}, DomainError, "3 dimensions.*2 inputs"),
        ({"method": "line"}, DomainError, "dimension 2.*line"),
        ({"net": "nowhere.onnx"}, regions.errors.RegionsError, "nowhere.onnx"),
        ({"net": 7}, (UnsupportedModelError, ArgumentError), "7|int"),
    ],
)
def test_bad_input_says_what_is_wrong(change, error, words):
    arguments = {"net": NET, "domain": BOX, **change}
    with pytest.raises(error, match=words):
        count_regions(**arguments)


def test_domains_that_are_none_say_so():
    with pytest.raises(DomainError, match="empty or flat"):
        regions.Box([0.0, 1.0], [1.0, 1.0])
    with pytest.raises(DomainError, match="NaN"):
        regions.Box([0.0, float("nan")], [1.0, 1.0])
    with pytest.raises(DomainError, match="coincide"):
        regions.Slice.through([[0.0, 1.0], [0.0, 1.0]])
    with pytest.raises(DomainError, match="box"):
        regions.Slice.through([[5.0, 5.0], [6.0, 5.0]], box=BOX)
    with pytest.raises(DomainError, match="unbounded"):
        count_regions(NET, regions.Box.cube(2, -np.inf, np.inf), method="plane", kind="linear")
    with pytest.raises(DomainError, match="planar"):
        count_regions(dense(*random_layers(np.random.default_rng(0), [3, 2])), method="plane")


def test_weights_that_are_no_numbers_are_refused():
    with pytest.raises(ArgumentError, match="NaN"):
        count_regions([(np.array([[np.nan, 1.0]]), np.zeros(1)), (np.ones((1, 1)), [0.0])], BOX)


def test_auto_says_what_it_picks_and_why(rng):
    def pick(inputs, domain, **options):
        return choose_method(dense(*random_layers(rng, [inputs, 4])), domain, **options)

    assert pick(1, None)[0] == "line"
    assert pick(784, regions.Slice.through(rng.normal(size=(2, 784))))[0] == "line"
    assert pick(2, None)[0] == "plane"
    assert pick(2, BOX, kind="linear")[0] == "plane"
    assert pick(2, None, kind="linear")[0] == "cells"
    assert pick(4, regions.Box.cube(4, 0.0, 1.0))[0] == "vertices"
    assert pick(4, None)[0] == "cells"
    name, why = pick(20, regions.Box.cube(20, 0.0, 1.0))
    assert name == "cells" and "time_limit" in why
    assert all(method in METHODS for method in ("line", "plane", "cells", "vertices"))


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_auto_counts_like_cells(inputs, rng):
    net = dense(*random_layers(rng, [inputs, 5, 5]))
    for domain in (None, regions.Box.cube(inputs, -1.0, 1.0)):
        for kind in ("activation", "linear"):
            result = count_regions(net, domain, kind=kind)
            cells = count_regions(net, domain, method="cells", kind=kind)
            assert int(result) == int(cells) and result.kind == kind


def test_the_output_layer_counts_only_if_it_has_a_relu():
    from torch import nn

    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    plain = count_regions(regions.as_network(model, input_shape=(2,)), BOX)
    model = nn.Sequential(*model, nn.ReLU())
    assert int(count_regions(regions.as_network(model, input_shape=(2,)), BOX)) >= int(plain)
    assert len(regions.as_network(model, input_shape=(2,)).relu_layers) == 2


def test_a_larger_box_has_no_fewer_regions(rng):
    net = dense(*random_layers(rng, [2, 8, 8]))
    counts = [int(count_regions(net, regions.Box.cube(2, -r, r))) for r in (0.1, 1, 10, 100)]
    assert counts == sorted(counts) and counts[-1] <= int(count_regions(net, None))


@pytest.mark.parametrize("kind", ["activation", "linear"])
@pytest.mark.parametrize("method", sorted(ENGINES))
def test_a_network_without_hidden_units_is_one_region(method, kind):
    net, box = regions.as_network([(np.ones((2, 3)), np.zeros(2))]), regions.Box.cube(3, -1, 2)
    domains = [box, None, *(regions.Slice.through(np.eye(3)[:k], box) for k in (2, 3))]
    counted = 0
    for domain in domains:
        try:
            found = count_regions(net, domain, method=method, kind=kind)
        except (DomainError, ArgumentError):  # not for this dimension, domain or kind
            continue
        assert found.lower == 1 and found.count in (1, None), domain
        counted += 1
    assert counted or kind == "linear"
