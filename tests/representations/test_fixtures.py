"""Published and independently computed numbers on frozen draws, to the digits printed."""

import numpy as np
import pytest

import regions
from regions.representations import rbf_cka


def close(value, expected, tolerance=1e-9):
    np.testing.assert_allclose(value, expected, rtol=0, atol=tolerance)


def squared(X, Y):
    return regions.cca(X, Y, statistic="mean_squared").value


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("F1", 2.334368135416, 4.410753656291),
        ("F2", 1.624345363663, -0.568989991591),
        ("F4", 3.378174585087, 0.324578246492),
        ("F5", 0.694507610092, 1.896254509440),
    ],
)
def test_the_draws_are_the_documented_ones(fixtures, name, first, last):
    X, Y = getattr(fixtures, name)
    close([X[0, 0], Y[-1, -1]], [first, last], 1e-11)


def test_the_sums_of_the_relu_draws(fixtures):
    X, Y = fixtures.F3
    close([X.sum(), Y.sum()], [19280.3660781667, 27473.6459841001], 1e-7)


def test_f1_shared_signal(fixtures):
    X, Y = fixtures.F1
    result = regions.cca(X, Y)
    rho = [0.9740815527, 0.9568691844, 0.8842217306, 0.7454595866, 0.0514942679]
    close(result.coefficients, rho)
    close([result.value, squared(X, Y)], [0.7224252644, 0.6409286462])
    sv = regions.svcca(X, Y)
    assert (sv.rank_x, sv.rank_y, sv.k) == (4, 5, 4)
    close(sv.coefficients, [0.9738991626, 0.9565997933, 0.8842211683, 0.7445571137])
    close(sv.value, 0.8898193095)
    close(regions.pwcca(X, Y, side="x").value, 0.8550678667)
    close(regions.pwcca(X, Y, side="y").value, 0.8803336641)
    close(regions.cka(X, Y).value, 0.7246656710)
    close(regions.cka(X, Y, debiased=True).value, 0.7239141018)
    close(regions.procrustes(X, Y).value, 0.8327026034)
    close(regions.procrustes(X, Y, kind="angular_distance").value, 0.5868255974)
    close(regions.procrustes(X, Y, kind="squared_distance").value, 0.3345947932)


def test_f2_independent(fixtures):
    X, Y = fixtures.F2
    result = regions.cca(X, Y)
    assert result.k == 30
    close(result.coefficients[:3], [0.5193898307, 0.4810778040, 0.4210969036])
    close(result.coefficients[-1], 0.0535776667)
    close([result.value, squared(X, Y)], [0.2549453469, 0.0808478543])
    close(regions.cca(X, Y, statistic="mean_squared").null, 40 / 499)
    close(regions.pwcca(X, Y, side="x").value, 0.2553871542)
    close(regions.pwcca(X, Y, side="y").value, 0.2557171523)
    close(regions.cka(X, Y).value, 0.0655435013)
    close(regions.cka(X, Y, debiased=True).value, 0.0008557444)
    close(regions.procrustes(X, Y).value, 0.2176809907)


def test_f3_dead_units(fixtures):
    X, Y = fixtures.F3
    result = regions.cca(X, Y)
    assert (result.k, result.rank_x, result.rank_y) == (21, 21, 32)
    assert (result.dead_x, result.dead_y, result.constant_x) == (3, 0, 0)
    close(result.coefficients[:3], [0.9075065748, 0.8810847936, 0.8616111183])
    close(result.coefficients[-1], 0.1691640376)
    close([result.value, squared(X, Y)], [0.606930504393, 0.419701325401])
    close(result.value_all, 0.606930504393 * 21 / 24)
    sv = regions.svcca(X, Y)
    assert (sv.rank_x, sv.rank_y) == (20, 30)
    close(sv.value, 0.6101730441)
    close(regions.pwcca(X, Y, side="x").value, 0.6604850200)
    close(regions.pwcca(X, Y, side="y").value, 0.6571941627)
    close(regions.cka(X, Y).value, 0.4117446544)
    close(regions.cka(X, Y, debiased=True).value, 0.4008992914)
    close(regions.procrustes(X, Y).value, 0.5931901860)


def test_f4_decaying_spectrum(fixtures):
    X, Y = fixtures.F4
    close([np.linalg.cond(X - X.mean(0)), np.linalg.cond(Y - Y.mean(0))], [4445, 3884], 1)
    sv = regions.svcca(X, Y)
    assert (sv.rank_x, sv.rank_y) == (7, 6)
    close(sv.coefficients[:4], [0.9999209237, 0.9998117324, 0.9997346408, 0.9980139621], 1e-8)
    close([sv.coefficients[-1], sv.value], [0.9571722912, 0.9907098472], 1e-8)
    close(regions.cca(X, Y).value, 0.933184669290, 1e-8)
    close(squared(X, Y), 0.901942682592, 1e-8)
    close(regions.pwcca(X, Y, side="x").value, 0.9989708000, 1e-8)
    close(regions.pwcca(X, Y, side="y").value, 0.9992409134, 1e-8)
    close(regions.cka(X, Y).value, 0.8577197486, 1e-8)
    close(regions.cka(X, Y, debiased=True).value, 0.8575255123, 1e-8)
    close(regions.procrustes(X, Y).value, 0.9445287191, 1e-8)


def test_f5_planted(fixtures):
    X, Y = fixtures.F5
    result = regions.cca(X, Y)
    close(result.coefficients, [0.9497367649, 0.8073691225, 0.5019838798, 0.1833054828])
    close([result.value, squared(X, Y)], [0.6105988125, 0.4598583845])
    sv = regions.svcca(X, Y)
    assert (sv.rank_x, sv.rank_y) == (4, 3)
    close(sv.value, 0.7186599458)
    close(regions.pwcca(X, Y, side="x").value, 0.5110821907)
    close(regions.pwcca(X, Y, side="y").value, 0.6664963606)
    close(regions.cka(X, Y).value, 0.2288290069)
    close(regions.cka(X, Y, debiased=True).value, 0.2285060405)
    close(regions.procrustes(X, Y).value, 0.4484421778)


def test_f6_published_demonstration(fixtures):
    X, Y = fixtures.F6
    close(regions.cka(X, Y).value, 0.55761326, 1e-8)
    close(regions.cka(X, Y, debiased=True).value, 0.51345649, 1e-8)
    close(rbf_cka(X, Y, 0.5), 0.65483118, 1e-8)
    result = regions.cca(X, Y)
    close([result.value, squared(X, Y)], [0.73101396, 0.54539633], 1e-8)
