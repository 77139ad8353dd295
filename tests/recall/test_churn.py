"""Churn against the definition, and McNemar's test against statsmodels."""

import pytest
from recall_examples import draw_predictions
from statsmodels.stats.contingency_tables import mcnemar

import regions
from regions.recall import (
    churn,
)


def test_churn_is_mcnemars():
    labels, dense, pruned = draw_predictions()
    table = regions.RecallTable.from_predictions(labels, dense, pruned)
    frame = churn(table).query("ratio == 10").reset_index()
    for m in range(len(dense)):
        d, p = dense[m] == labels, pruned[10][m] == labels
        counts = [[(d & p).sum(), (d & ~p).sum()], [(~d & p).sum(), (~d & ~p).sum()]]
        assert frame["lost"][m] == counts[0][1] and frame["gained"][m] == counts[1][0]
        exact = counts[0][1] + counts[1][0] < 25
        assert frame["pvalue"][m] == pytest.approx(mcnemar(counts, exact=exact).pvalue)
        assert frame["churn"][m] == (dense[m] != pruned[10][m]).mean()
