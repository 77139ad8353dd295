"""What the study of backdoors measures, with searches of one step."""

from dataclasses import replace

import numpy as np

from analyses import backdoor
from analyses.backdoor import Backdoor


def test_the_attack_works_and_every_method_is_measured_at_both_stages():
    short = {"inversion_steps": 10, "search_images": 50, "steps": 2, "samples": 2}
    study = replace(Backdoor(smoke=True).settled(), **short, tune_epochs=1, counts=(4,))
    frame = study.measure("digits", seed=0).assign(seed=0)
    stops = frame[frame["stage"] != "curve"]
    removed, tuned = (stops[stops["stage"] == stage] for stage in ("removed", "tuned"))
    assert tuple(removed["method"]) == tuple(tuned["method"])
    assert set(removed["method"]) == set(backdoor.METHODS)
    np.testing.assert_array_equal(removed["removed"], tuned["removed"])
    # the attack works, and it is an attack: clean images stay well classified
    base = removed[removed["method"] == backdoor.NONE].iloc[0]
    assert base["removed"] == 0 and base["success"] > 0.8 and base["accuracy"] > 0.7
    assert "suspected class is the target in" in backdoor.suspicion(frame)
