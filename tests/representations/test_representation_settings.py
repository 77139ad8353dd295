"""Options: what is refused."""

import numpy as np
import pytest
from small_networks import noise

import regions
from regions.errors import ArgumentError
from regions.representations import (
    jackknife,
    similarity_grid,
)

RNG = np.random.default_rng(0)


def test_bad_options_are_refused(networks):
    X = RNG.random((50, 3))
    for call, message in [
        (lambda: regions.cca(X, X, statistic="median"), "statistic is 'median'"),
        (lambda: regions.svcca(X, X, threshold=1.5), "threshold is 1.5"),
        (lambda: regions.svcca(X, X, n_components=0), "n_components is 0"),
        (lambda: regions.pwcca(X, X, side="left"), "side is 'left'"),
        (lambda: regions.procrustes(X, X, kind="distance"), "kind is 'distance'"),
        (lambda: regions.cka(X[:3], X[:3], debiased=True), "at least 4 samples in a batch; got 3"),
        (lambda: regions.cca(X, X, cv=1), r"folds \(cv of cca\) is 1; expected 2 to 50"),
        (lambda: regions.cca(X, X, cv=2, groups=[1]), r"groups has shape \(1,\)"),
        (lambda: regions.representations.rbf_cka(X, X, -1), "bandwidth is -1"),
        (lambda: similarity_grid([X], [X], "ccca"), "measure is 'ccca'; choose one of cca, svcca"),
        (lambda: similarity_grid([], [X]), "a list of layers is empty"),
        (lambda: similarity_grid([X], [X[:9]]), "X has 50 samples and Y has 9"),
        (lambda: jackknife(1.0, [1.0]), "1 blocks"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            call()
    for options, message in [
        ({"accumulator": "disk"}, "accumulator is 'disk'"),
        ({"blocks": 1}, "blocks is 1"),
        ({"mode": "diagonal"}, "mode is 'diagonal'"),
        ({"mode": "dft", "measure": "cka"}, "mode='dft' works with cca and svcca"),
        ({"per_position": True, "accumulator": "tsqr"}, "per_position works with"),
        ({"layers": ["9"]}, "no module is called 9"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            regions.compare_layers(*networks, noise(20, 6), **options)
