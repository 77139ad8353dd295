"""What is kept from split to split is what a fresh walk over the wiring finds."""

import numpy as np
import pytest

import regions
from regions.allocation.draws import make_draws
from regions.allocation.graph_draw import GraphDraw
from regions.allocation.problem import make_problem
from regions.networks import liveness

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


class Twists(nn.Module):
    """Strides, dilation, groups, padding by hand, a module used twice, kernels beyond the map."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4)
        self.twice = nn.Conv2d(4, 4, (1, 3), padding=(0, 1))
        self.short = nn.Conv2d(4, 6, 1, stride=2)
        self.long = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
        self.corner = nn.Conv2d(6, 5, 3, stride=3, padding=1)
        self.rows = nn.Linear(1, 3)
        self.head = nn.Linear(15, 3)

    def forward(self, x):
        x = torch.relu(self.first(functional.pad(x, (1, 0, 0, 2))))
        x = torch.relu(self.twice(torch.relu(self.depthwise(x))))
        x = torch.relu(self.twice(x) + x)
        x = torch.relu(self.short(x) + self.long(x))
        x = torch.relu(self.corner(functional.avg_pool2d(x, 2, ceil_mode=True)))
        return self.head(torch.relu(self.rows(x.flatten(2))).flatten(1))


def walked(problem, draw, counts):
    live = liveness(problem.graph, draw.masks(counts))
    weights = {name: int(mask.sum()) for name, mask in live.effective.items()}
    return weights, [int(live.units(name).sum()) for name in problem.graph.relu_names]


@pytest.mark.parametrize("masks", ["magnitude", "random"])
def test_it_agrees_with_a_fresh_walk_at_every_split(masks):
    torch.manual_seed(0)
    model = Twists()
    problem = make_problem(model, {"density": 0.5}, (), None, 1, True, (2, 7, 6))
    (draw,) = make_draws(problem, masks, 1, np.random.default_rng(0))
    assert isinstance(draw, GraphDraw)
    rng, counts, partial = np.random.default_rng(1), dict(problem.most), 0
    for _ in range(60):  # some layers change, others stay: what is kept must be told apart
        for name in rng.choice(problem.free, rng.integers(1, 4)):
            low, high = 1, min(problem.most[name], problem.budget)
            counts[name] = int(np.clip(high * rng.choice([0.05, 0.2, 0.6, 1.0]), low, high))
        weights, units = walked(problem, draw, counts)
        assert draw.alive(counts) == (weights, units)
        partial += 0 < sum(weights.values()) < sum(counts.values())
    assert partial > 20  # most splits leave some weights out, not all


def test_corners_that_only_meet_padding_are_never_effective():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(1, 1))
    problem = make_problem(model, {"density": 1.0}, (), None, 1, True, (1, 1, 1))
    (draw,) = make_draws(problem, "magnitude", 1, np.random.default_rng(0))
    assert draw.alive(problem.most).weights == {"0": 1, "3": 1}


def test_searches_find_no_less_than_with_fresh_walks(small_conv):
    for seed in range(3):
        model, how = small_conv(seed), {"input_shape": (1, 4, 4), "max_evaluations": 150}
        problem = make_problem(model, {"density": 0.1}, (), None, 1, False, (1, 4, 4))
        (draw,) = make_draws(problem, "magnitude", 1, np.random.default_rng(0))

        def fresh(densities, problem=problem, draw=draw):
            counts = {name: round(problem.sizes[name] * d) for name, d in densities.items()}
            return float(sum(walked(problem, draw, counts)[0][name] for name in problem.budgeted))

        found = regions.allocate(model, 0.1, "effective-weights", **how)
        assert found.value >= regions.allocate(model, 0.1, fresh, **how).value
        assert found.value == fresh(found.densities)
