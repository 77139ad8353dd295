"""Independent engines give one count: a bug in one of them shows as a disagreement."""

from dataclasses import replace

import numpy as np
import pytest
from counting_oracles import brute_force, dense, random_layers

import regions
from regions.counting import count_regions

DENSITIES = (1.0, 0.5, 0.2, 0.05)


def drawn(seed):
    """Return a random network of 1 to 4 inputs and 1 to 4 hidden layers, and its dimension."""
    rng = np.random.default_rng(seed)
    dimension, depth = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    widest = 11 if dimension <= 2 else 7
    widths = [dimension, *(int(n) for n in rng.integers(2, widest, size=depth))]
    bias = bool(rng.random() < 0.6)
    return dense(*random_layers(rng, widths, rng.choice(DENSITIES), bias)), dimension


def disagreements(seed):
    """Return what the engines that apply say about one network, if they do not all agree."""
    net, dimension = drawn(seed)
    box = regions.Box.cube(dimension, -1.0, 1.0)
    own = {1: ("line",), 2: ("plane", "vertices")}.get(dimension, ("vertices",))
    counts = {name: int(count_regions(net, box, method=name)) for name in ("cells", *own)}
    if sum(net.widths[1:-1]) <= 9:
        counts["brute force"] = brute_force(net, box)
    if dimension <= 2:
        flat = "line" if dimension == 1 else "plane"
        whole = {name: int(count_regions(net, None, method=name)) for name in ("cells", flat)}
        if len(set(whole.values())) > 1:
            counts.update({f"{name} on the whole space": n for name, n in whole.items()})
    exact = counts["cells"]
    sampled = count_regions(net, box, method="sample", samples=500, rng=seed).lower
    bound = regions.upper_bound(net, kind="live").value
    wrong = len(set(counts.values())) > 1 or not sampled <= exact <= bound
    return {**counts, "sample": sampled, "live bound": bound} if wrong else None


@pytest.mark.parametrize("start", range(0, 30, 10))
def test_exact_engines_agree(start):
    found = {seed: disagreements(seed) for seed in range(start, start + 10)}
    assert {seed: counts for seed, counts in found.items() if counts} == {}


@pytest.mark.study
def test_exact_engines_agree_on_two_thousand_networks():
    found = {seed: disagreements(seed) for seed in range(2000)}
    assert {seed: counts for seed, counts in found.items() if counts} == {}


def test_a_wrong_count_would_be_seen(monkeypatch):
    from regions.counting.plane import chain

    exact = chain.first_maps

    def rounded(*arguments):
        maps = exact(*arguments)
        return replace(maps, values=np.round(maps.values, 1))

    monkeypatch.setattr(chain, "first_maps", rounded)
    assert any(disagreements(seed) for seed in range(12)), (
        "a plane engine that merges nearby boundaries must disagree"
    )
