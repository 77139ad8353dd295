"""Processes of a run share the work: functions are compiled once, and long files begin first."""

import os
import time

import numpy as np
import pytest

import regions

SECONDS = 600  # for a process that has died
# whichever file is last leaves the other process idle: no long one is
LONGEST = (
    "test_analyses", "test_exactness", "test_cluster", "test_documentation", "test_atlas_commands",
    "test_resume", "test_resumed_survey", "test_degenerate", "test_damaged_files", "test_allocate",
    "test_disjoint_branches", "test_survey", "test_recall_arguments", "test_empirical_ntk",
    "test_methods_table", "test_is_pruning_compression", "test_interval_coverage",
    "test_page_in_browser", "test_estimate", "test_cells", "test_plane", "test_line",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    place = {name: index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))


def _count(method, widths, domain=None, **options):
    rng = np.random.default_rng(0)
    shapes = zip(widths[1:], widths[:-1], strict=True)
    net = regions.as_network([(rng.normal(size=shape), np.ones(shape[0])) for shape in shapes])
    box = regions.Box.cube(widths[0], -1.0, 1.0) if domain is None else domain
    return regions.count_regions(net, box, method=method, **options), net, box


def _halfspaces():
    _, net, _ = _count("cells", [3, 6, 6, 1])
    list(regions.enumerate_regions(net))
    _count("estimate", [3, 8, 8, 1], walks=8, strata=4, leaves=4, rng=0)


def _vertices():
    _, net, box = _count("vertices", [3, 8, 8, 1])
    list(regions.enumerate_regions(net, box))


USES = {  # the longest begin first
    "cells": _halfspaces,
    "plane": lambda: _count("plane", [2, 8, 8, 1], kind="linear"),
    "vertices": _vertices,
    "line": lambda: _count("line", [1, 8, 8, 1], kind="linear"),
}


@pytest.fixture(scope="session", autouse=True)
def compiled(tmp_path_factory):
    """Let every process of a run compile what no other one does, before the first test."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    folder = tmp_path_factory.getbasetemp().parent
    for name, use in USES.items():
        try:
            (folder / f"{name}-begun").touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            use()
        finally:
            (folder / f"{name}-ended").touch()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and not all((folder / f"{n}-ended").exists() for n in USES):
        time.sleep(0.1)
