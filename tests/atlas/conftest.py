"""One small atlas, made once and shared, and the folder it was saved to."""

import os

import matplotlib
import pytest
from small_atlas import SMALL, small_mlp

from regions.atlas import survey


@pytest.fixture(scope="session", autouse=True)
def no_windows():
    matplotlib.use("agg")


@pytest.fixture(scope="session")
def atlas(tmp_path_factory):
    home = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        home = home.parent  # of all processes of a run: each finds what another one has measured
    return survey(small_mlp, "digits", home / "atlas", SMALL)


@pytest.fixture(scope="session")
def saved(atlas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    with pytest.MonkeyPatch.context() as patch:  # of the page alone: test_atlas has all formats
        patch.setattr("regions.figures.save._FORMATS", {"svg": {"Date": None}})
        atlas.save(folder)
    return folder
