"""Which numbers are densities."""

from fractions import Fraction

import numpy as np
import pytest

from regions.density import check_density
from regions.errors import ArgumentError


@pytest.mark.parametrize("given", [1, 1.0, 5e-324, Fraction(1, 3), np.float32(0.5), np.int64(1)])
def test_fractions_above_zero_are(given):
    found = check_density(given)
    assert type(found) is float and found == float(given)
    assert check_density(given, empty=True) == found


@pytest.mark.parametrize("given", [1.0000001, -1e-9, np.nan, np.inf, True, "1", None, [0.5], 0.5j])
@pytest.mark.parametrize("empty", [False, True])
def test_others_are_refused_by_name(given, empty):
    with pytest.raises(ArgumentError, match=r"share must be .* at most 1; got"):
        check_density(given, "share", empty=empty)


def test_nothing_at_all_is_a_density_only_where_a_layer_may_be_empty():
    assert check_density(0, empty=True) == 0.0
    with pytest.raises(ArgumentError, match="above 0"):
        check_density(0)
