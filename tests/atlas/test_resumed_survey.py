"""A survey that is killed goes on where it was and ends with the identical atlas."""

import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from small_atlas import SMALL, small_mlp

from regions import resume
from regions.atlas import survey
from regions.journal import Journal

FEW = replace(SMALL, densities=(0.5, 0.2, 0.1), methods=("magnitude",), seeds=2, planes=1, lines=1)
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[2])
from test_resumed_survey import FEW
from small_atlas import small_mlp
from regions.atlas import survey
survey(small_mlp, "digits", sys.argv[1], FEW)
"""


def finished(folder):
    """Return the finished tasks, with their seconds: those of a task done again would differ."""
    found = {}
    for part in folder.glob("tasks/*"):
        with Journal(part) as journal:
            found |= journal.finished
    return found


def tables(atlas):
    names = ("table", "networks", "slices", "layers", "classes")
    return {name: getattr(atlas, name).to_csv(index=False) for name in names}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of a survey that was killed after its third task."""
    folder, here = tmp_path_factory.mktemp("killed"), __file__.rpartition("/")[0]
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, folder, here])
    while len(finished(folder)) < 3:
        assert process.poll() is None, "the survey ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return folder


def test_it_resumes_with_the_identical_numbers(killed, tmp_path):
    before = finished(killed)
    assert 3 <= len(before) < 5  # two references and three cells
    resumed = survey(small_mlp, "digits", killed, FEW)
    assert before.items() <= finished(killed).items()  # nothing was computed twice
    fresh = survey(small_mlp, "digits", tmp_path, FEW)
    assert tables(resumed) == tables(fresh)


def test_other_settings_or_networks_are_other_tasks(killed, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("a finished task was computed again")

    monkeypatch.setattr(resume, "_compute", fail)
    survey(small_mlp, "digits", killed, FEW)
    with pytest.raises(AssertionError, match="computed again"):
        survey(small_mlp, "digits", killed, replace(FEW, lines=2))
