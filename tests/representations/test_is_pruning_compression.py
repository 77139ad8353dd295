"""What the study measures on tiny networks, and the benchmark at its smallest size."""

import matplotlib.pyplot as plt
import pytest

from analyses.benchmarks import representations as benchmark
from analyses.compression_verdicts import ARMS
from analyses.is_pruning_compression import IsPruningCompression
from analyses.study import compute
from regions.errors import DataError


def test_every_arm_is_compared_and_judged(tmp_path):
    study = IsPruningCompression(
        models=("mlp",), densities=(0.2,), seeds=2, epochs=1, finetune_epochs=1, limit=300,
        images=300, out=tmp_path, progress=False,
    )  # fmt: skip
    frame = compute(study)
    layers = frame.loc[frame["kind"] == "layer"]
    assert set(layers["arm"]) == set(ARMS)
    itself = layers.loc[layers["arm"] == "dense", "value"]
    assert itself.to_numpy() == pytest.approx(1, abs=1e-9)
    assert layers["low"].isna().all()  # svcca has no interval that covers
    tables = study.tables(frame)
    assert len(tables["verdicts"]) == 4
    for fig in study.figures(tables).values():
        assert fig.axes[0].get_title()
        plt.close(fig)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_benchmark_runs_without_a_peer_and_refuses_a_wrong_one(tmp_path):
    frame = benchmark.compute(benchmark.Config(smoke=True))
    assert len(frame) == 1
    assert frame["cca_cpu_ms"].iloc[0] > 0
    with pytest.raises(DataError, match="is a checkout of google/svcca"):
        benchmark.load_peer(tmp_path)
