"""The study and the benchmark run end to end at their smallest size."""

import matplotlib.pyplot as plt
import pytest

from analyses import is_pruning_compression as study
from analyses.benchmarks import representations as benchmark
from analyses.compression_figures import draw_accuracy, draw_layers, draw_maps
from analyses.compression_verdicts import ARMS
from regions.errors import DataError


def test_the_smoke_run_compares_every_arm_and_never_computes_twice(tmp_path, monkeypatch):
    config = study.Config(smoke=True, out=tmp_path, progress=False)
    frame = study.compute(config)
    layers = frame.loc[frame["kind"] == "layer"]
    assert set(layers["arm"]) == set(ARMS)
    itself = layers.loc[layers["arm"] == "dense", "value"]
    assert itself.to_numpy() == pytest.approx(1, abs=1e-9)
    assert (layers["low"] <= layers["high"]).all()
    assert len(study.verdicts(frame)) == 4
    for draw in (draw_layers, draw_maps, draw_accuracy):
        fig = draw(frame)
        assert fig.axes[0].get_title()
        plt.close(fig)
    monkeypatch.setattr(study, "train_arms", None)  # a second run must not train
    assert study.compute(config).equals(frame)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_benchmark_runs_without_a_peer_and_refuses_a_wrong_one(tmp_path):
    frame = benchmark.compute(benchmark.Config(smoke=True))
    assert len(frame) == 1
    assert frame["cca_cpu_ms"].iloc[0] > 0
    with pytest.raises(DataError, match="is a checkout of google/svcca"):
        benchmark.load_peer(tmp_path)
