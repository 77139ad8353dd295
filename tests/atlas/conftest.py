"""One small atlas, made once and shared, and the folder it was saved to."""

import matplotlib
import pytest
from small_atlas import SMALL, small_mlp

from regions.atlas import survey


@pytest.fixture(scope="session", autouse=True)
def no_windows():
    matplotlib.use("agg")


@pytest.fixture(scope="session")
def atlas(tmp_path_factory):
    return survey(small_mlp, "digits", tmp_path_factory.mktemp("atlas"), SMALL)


@pytest.fixture(scope="session")
def saved(atlas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    atlas.save(folder)
    return folder
