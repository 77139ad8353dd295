import json

import numpy as np
import pytest

import regions
from regions.counting import RegionCount, Status
from regions.counting.result import Found
from regions.counting.undecided import Undecided


def test_an_exact_count_is_an_integer():
    result = Found.counted(np.int64(7), Undecided()).result("cells")
    assert int(result) == 7 and type(result.count) is int
    assert result.lower == result.upper == 7


def test_bounds_and_estimates_are_no_integers():
    bound = RegionCount(count=None, lower=3, status=Status.LOWER_BOUND, method="sample")
    estimate = RegionCount(count=12, lower=8, upper=20, status=Status.ESTIMATE, method="estimate")
    stopped = Found.cut_short(5, "time").result("cells")
    unsure = Found.counted(12, Undecided(2, 1e-9)).result("line")
    assert unsure.count == 12 and "12 activation regions, not certified" in unsure.summary()
    for result in (bound, estimate, stopped, unsure):
        with pytest.raises(regions.errors.ArgumentError, match=result.status.name):
            int(result)
    assert stopped.details["stopped_by"] == "time" and stopped.count is None


def test_bounds_that_meet_are_a_count():
    open_, met = (Found.between(4, upper, Undecided()).result("line") for upper in (5, 4))
    assert (open_.status, open_.lower, open_.upper, open_.count) == (Status.BOUNDED, 4, 5, None)
    assert met.status is Status.EXACT and int(met) == 4


def test_what_was_found_before_a_stop_is_certain_only_without_doubt():
    sure = Found.counted(7, Undecided(), "time").result("cells")
    unsure = Found.counted(7, Undecided(1, 1e-12), "time").result("cells")
    assert sure.status is unsure.status is Status.LIMIT_REACHED
    assert sure.lower == 7 and unsure.lower == 1
    assert unsure.details["doubtful"] == 1


def test_an_exact_result_cannot_hold_a_bound():
    with pytest.raises(regions.errors.ArgumentError, match="count == lower == upper"):
        RegionCount(count=3, lower=2, upper=3, status=Status.EXACT, method="cells")


def test_huge_counts_survive_json_and_frames():
    result = Found.counted(2**80, Undecided()).result(
        "cells", domain=regions.Box.cube(3, -1.0, 1.0)
    )
    assert json.loads(json.dumps(result.to_dict()))["count"] == str(2**80)
    frame = result.to_frame()
    assert frame.loc[0, "count"] == 2**80 and frame.loc[0, "dimension"] == 3
    assert list(frame.columns)[:4] == ["count", "lower", "upper", "status"]


def test_the_summary_says_what_the_status_means():
    text = Found.cut_short(5, "time").result("cells").summary()
    assert "at least 5" in text and "LIMIT_REACHED" in text and "Raise the limit" in text
    assert all(status.value.endswith(".") for status in Status)


def test_details_cannot_be_changed():
    result = Found.counted(1, Undecided(), by_layer=[0]).result("line")
    with pytest.raises(TypeError):
        result.details["by_layer"] = []
