"""The mixed model against slopes of models."""

import pytest

from regions.errors import ArgumentError
from regions.recall import dose_response


def test_mixed_model_agrees_with_slopes_of_models(table):
    found = dose_response(table)
    assert found.slope == pytest.approx(found.slope_of_models, abs=1e-6)
    with pytest.raises(ArgumentError, match="at least 3 ratios"):
        dose_response(table.select([2, 4]))
