"""What is compared with an earlier version: equal tables, last digits, and what differs."""

import pandas as pd

from analyses.benchmarks.unchanged import SMALL, WHY, compared
from analyses.catalogue import entries


def said(then, now):
    return compared("x/y", pd.DataFrame(then), pd.DataFrame(now))


def test_equal_cells_last_digits_and_other_numbers_are_told_apart():
    then = {"a": ["1.0", "x"], "b": ["0.1", "0.2"]}
    same = said(then, {**then, "c": ["new", "new"]})
    assert (same["result"], same["new"], same["why"]) == ("same in common columns", "c", "")
    close = said(then, {**then, "b": ["0.1", "0.20000000000000001"]})
    assert close["result"] == "same in common columns; last digits: b (1)" and not close["why"]
    for b in (["0.1", "0.2001"], ["0.1", ""], ["0.1", "x"]):
        other = said(then, {**then, "b": b})
        assert (other["result"], other["why"]) == ("differs: b (1)", "?")


def test_columns_and_rows_that_are_gone_need_a_reason():
    then = {"a": ["1", "2"], "b": ["3", "4"]}
    assert said(then, {"a": ["1", "2"]})["why"] == "?"
    fewer = said(then, {"a": ["1"], "b": ["3"]})
    assert fewer["result"] == "differs: now 1 rows, 1 of 2 are not among them"
    more = said(then, {"a": ["0", "1", "2"], "b": ["0", "3", "4"]})
    assert more["result"] == "differs: now 3 rows, 0 of 2 are not among them"
    assert fewer["why"] == more["why"] == "?"


def test_reasons_are_about_studies_that_there_are():
    assert {name.split("/")[0] for name in (*WHY, *SMALL)} <= {*entries(), "benchmark exactness"}
