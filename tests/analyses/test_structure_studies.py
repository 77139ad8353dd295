"""What the studies and the benchmark of structured sparsity measure, on tiny networks."""

import numpy as np

from analyses.benchmarks import blocks
from analyses.block_sparsity import BlockSparsity
from analyses.degree_weighted import DegreeWeighted
from analyses.spectral_pruning import SpectralPruning


def test_arms_are_compared_at_equal_density():
    study = BlockSparsity(
        hidden=(24, 24), densities=(0.25,), blocks=(16,), epochs=1, retrain_epochs=0
    )
    frame = study.measure(seed=0)
    assert frame["kept"].max() <= 0.2501 and frame["kept"].min() > 0.24
    assert frame.loc[frame["energy"].idxmax(), "arm"] == "unstructured"
    # no epochs after pruning: nothing is trained on
    np.testing.assert_array_equal(frame["accuracy"], frame["accuracy_before"])


def test_a_stronger_penalty_is_sparser():
    study = DegreeWeighted(hidden=12, epochs=2, seeds=2)
    weak, strong = (study.measure("degree-weighted", strength) for strength in (1e-4, 1e-2))
    assert (strong["density"] < weak["density"]).all()
    assert (strong["log2_bound"] <= weak["log2_bound"]).all()
    np.testing.assert_array_equal(strong["accuracy_dense"], weak["accuracy_dense"])


def test_components_cost_rank_and_single_weights_do_not():
    study = SpectralPruning(hidden=(16, 16), densities=(1.0, 0.25), images=64, epochs=1)
    frame = study.measure(seed=0)
    whole, part = (frame[frame["density"] == density] for density in (1.0, 0.25))
    assert (whole["gain"] == 0).all()
    for training, found in part.groupby("training"):
        bound = found.set_index("arm")["log2_bound"]
        dense = whole.loc[whole["training"] == training, "log2_bound"].iloc[0]
        assert (bound.drop("single weights") < dense).all()
        assert bound["single weights"] > bound.drop("single weights").max()


def test_benchmark_products_agree(tmp_path):
    frame = blocks.compute(blocks.Config(out=tmp_path, smoke=True))
    assert frame["largest_difference"].max() < 1e-4
    assert (frame["index_bytes"] < frame["csr_index_bytes"]).all()
    assert (frame["energy"] < frame["energy_unstructured"]).all()
    assert np.isfinite(frame.filter(like="ratio")).all().all()
