"""Every wrong call raises the documented error, and says what was expected."""

import numpy as np
import pytest

import regions
from regions.errors import ArgumentError, UnsupportedModelError

W = [3, 4, 2]
MASKS = [np.ones((4, 3), dtype=bool), np.ones((2, 4), dtype=bool)]
NET = [(np.ones((4, 3)), np.zeros(4)), (np.ones((2, 4)), None)]
NAN = float("nan")


def upper(*args, **options):
    return lambda: regions.upper_bound(*args, **options)


def expected(density, widths=W, **options):
    return upper(widths, "expected", density=density, **options)


def ranks(*args, **options):
    return lambda: regions.rank_distribution(*args, **options)


WRONG = [
    (upper([3]), "at least one layer"),
    (upper([]), "at least one layer"),
    (upper([3, 0, 2]), r"widths\[1\] is .*expected a whole number"),
    (upper([3, -4]), "is -4; expected a whole number of at least 1"),
    (upper([3, 4.5]), "is 4.5; expected"),
    (upper([3, NAN]), "is nan; expected"),
    (upper([3, True]), "is True; expected"),
    (upper(np.ones((2, 2), dtype=int)), "widths must list"),
    (upper(W, "serre"), "choose one of trivial, naive"),
    (upper(W, None), "kind is None; choose one of"),
    (upper(W, "serra", rank="mean"), "'serra' does not know the option.* rank; .*: none"),
    (upper(W, "expected", density=0.1, rnak="mean"), "did you mean 'rank'"),
    (upper(W, dim=0), "from 1 to 3, got 0"),
    (upper(W, dim=4), "from 1 to 3, got 4"),
    (upper(W, dim=2.0), "got 2.0"),
    (upper(W, dim=True), "got True"),
    (upper(W, "live", density=0.1), "give masks="),
    (upper(W, "serra", density=1.5), r"at least 0 and at most 1; got 1.5"),
    (upper(W, "expected"), "needs density="),
    (upper(W, "expected", density=0.1, masks=MASKS), "takes density=, not masks="),
    (expected(-0.1), "got -0.1"),
    (expected(1.01), "got 1.01"),
    (expected(NAN), "got nan"),
    (expected("0.1"), "got '0.1'"),
    (expected([0.1, 0.2, 0.3]), "2 layers"),
    (expected([0.1]), "got 1 densities"),
    (expected([0.1, NAN]), r"density\[1\]"),
    (expected({"layer1": 0.1, "fc9": 0.1}), "'fc9'"),
    (expected({"layer1": 2.0}), r"density\['layer1'\]"),
    (expected(0.1, NET, dim=9), "from 1 to 3"),
    (expected([0.1, 0.1], NET), "got 2 densities"),
    (expected(0.1, rank="guess"), "choose one of sampled, binomial, mean"),
    (expected(0.1, samples=0), "samples is 0; expected"),
    (expected(0.1, sampler="gauss"), "choose one of bernoulli, exact"),
    (upper(W, "live", masks=MASKS[:1]), "need 2 masks"),
    (upper(W, "live", masks=[MASKS[0].T, MASKS[1]]), r"shape \(3, 4\), expected \(4, 3\)"),
    (upper(W, "live", masks=[MASKS[0] * 0.5, MASKS[1]]), "must be boolean"),
    (upper(W, "live", masks=[np.full((4, 3), NAN), MASKS[1]]), "must be boolean"),
    (upper(W, "live", masks=3), "masks must be"),
    (upper(NET, "live", masks={"fc1": MASKS[0]}), "no prunable weight is called"),
    (upper(NET, "live", masks=[MASKS[0]]), "got 1 masks"),
    (upper(NET, "live", masks={"layer1": MASKS[1]}), r"expected \(4, 3\)"),
    (ranks(0, 3, 0.1), "rows is .*expected a whole number"),
    (ranks(3, 2.5, 0.1), "cols is 2.5; expected"),
    (ranks(3, 3, NAN), "got nan"),
    (ranks(3, 3, True), "got True"),
    (ranks(3, 3, 0.1, method="svd"), "method is 'svd'; choose one of"),
    (ranks(3, 3, 0.1, rng=-1), "rng"),
    (lambda: regions.lower_bound([3, 2], "montufar"), "at least as wide as the input"),
    (lambda: regions.lower_bound([3, 1], "serra"), "at least 3 times as wide"),
    (lambda: regions.lower_bound([3, 1], "arora"), "at least 2 units"),
    (lambda: regions.lower_bound([3, 4], "cai"), "choose one of montufar, serra, arora"),
    (lambda: regions.lower_bound("3,4"), "widths must be a list"),
]


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_calls(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


def test_what_cannot_be_a_network():
    for value in ("784", {"fc1.weight": np.ones((2, 2))}, None):
        with pytest.raises(UnsupportedModelError):
            regions.upper_bound(value)
