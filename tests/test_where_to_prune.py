"""Statistics of the study where to prune, on frames whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analyses import where_to_prune as study
from analyses import where_to_prune_statistics as statistics
from analyses.study import run
from regions.errors import ArgumentError

QUANTITIES = list(statistics.QUANTITIES)


def planted(gain=0.05, noise=0.0, seeds=6, densities=(0.01, 0.001)):
    """Return a frame in which the default is better than all others by `gain`."""
    rng = np.random.default_rng(0)
    rows = []
    arms = [("balance", "default"), ("uniform", "plain"), ("parabola", "plain")]
    arms += [(f"scan {t:g}", way) for t in (1.0, 0.5, 0.0) for way in ("plain", "repair")]
    for density in densities:
        for seed in range(seeds):
            network = rng.normal(scale=0.02)
            for index, (allocation, selection) in enumerate(arms):
                value = 0.5 + network + gain * (allocation == "balance") + 0.01 * (index % 3)
                value += noise * rng.normal()
                quantities = dict.fromkeys(QUANTITIES, float(index % 3))
                names = {"density": density, "seed": seed, "data": "mnist"}
                names |= {"allocation": allocation, "selection": selection}
                values = {"accuracy": value, "validation": value, "dense_accuracy": 0.9}
                counts = {"count_fc1": 3, "count_fc2": 1}
                rows.append({**names, **values, **counts, **quantities})
    return pd.DataFrame(rows)


def test_differences_are_paired_over_networks():
    frame = planted(noise=0.001)
    table = statistics.differences(statistics.with_arms(frame)).set_index(["density", "against"])
    wide = frame[frame["density"] == 0.01].pivot(
        index="seed", columns=["allocation", "selection"], values="accuracy"
    )
    one, two = wide["balance", "default"], wide["uniform", "plain"]
    row = table.loc[(0.01, "uniform plain")]
    assert row["difference"] == pytest.approx(100 * (one - two).mean())
    assert row["p"] == pytest.approx(stats.ttest_rel(one, two).pvalue)
    low, high = stats.ttest_rel(one, two).confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((100 * low, 100 * high))
    assert (table["p_holm"] >= table["p"]).all() and row["p_holm"] <= len(table) * row["p"] + 1e-12
    # control: networks differ by more than the arms, so unpaired intervals would be wider
    unpaired = stats.ttest_ind(one, two).confidence_interval()
    assert unpaired[1] - unpaired[0] > 5 * (high - low)


def test_equal_masks_are_no_evidence():
    frame = planted(gain=0.0)
    other = frame[frame["allocation"] == "balance"].assign(allocation="lamp", selection="plain")
    table = statistics.differences(statistics.with_arms(pd.concat([frame, other])))
    row = table[table["against"] == "lamp plain"].iloc[0]
    assert row["difference"] == 0.0 and row["p"] == 1.0


def test_regret_is_measured_from_the_split_chosen_on_validation_images():
    frame = planted()
    chosen = frame["allocation"] == "scan 0.5"
    frame.loc[chosen, "validation"] = 0.99  # validation prefers a split that test does not
    table = statistics.regret(statistics.with_arms(frame)).set_index("arm")
    best = 100 * frame[chosen & (frame["density"] == 0.01)].groupby("selection")["accuracy"].mean()
    ours = 100 * frame[(frame["allocation"] == "balance") & (frame["density"] == 0.01)]["accuracy"]
    assert table.loc["balance default", "0.01"] in [
        pytest.approx(value - ours.mean()) for value in best
    ]
    assert statistics.regret(
        statistics.with_arms(frame[~frame["allocation"].str.startswith("scan")])
    ).empty


def test_correlation_is_that_of_means_over_networks():
    table = statistics.correlations(statistics.with_arms(planted(noise=1e-4)))
    splits = table[table["over"] == "splits, plain"]
    assert (splits[QUANTITIES] == 1.0).all(axis=None)
    assert table[table["over"] == "random masks"][QUANTITIES].isna().all(axis=None)  # none drawn


def test_published_gains_stand_beside_ours():
    table = statistics.published_gain(statistics.with_arms(planted()), "2x100").set_index("density")
    assert table.loc[0.001, "published_gain"] == 14.1 and table.loc[0.01, "published_uniform"] == 94
    assert table.loc[0.01, "gain"] == pytest.approx(1.0)
    unknown = statistics.published_gain(statistics.with_arms(planted()), "3x7")
    assert unknown["published_gain"].isna().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"densities": (0.1, 0.0)}, "above 0"),
        ({"densities": ()}, "densities"),
        ({"seeds": 1}, "2 networks"),
        ({"data": "/no/such.npz"}, "such.npz"),
    ],
)
def test_bad_settings_are_refused_before_any_work(tmp_path, changes, message):
    with pytest.raises(Exception, match=message) as caught:
        run(study.WhereToPrune(out=tmp_path / "out", progress=False, **changes))
    assert isinstance(caught.value, ArgumentError | study.regions.errors.DataError)
    assert not (tmp_path / "out").exists()


def test_densities_are_the_published_ones_of_the_network():
    assert statistics.published_densities("fashion_mnist", "LeNet")[0] == 0.001
    assert len(statistics.published_densities("fashion_mnist", "LeNet")) == 9
    assert statistics.published_densities("mnist", "2x400")[-1] == 1e-5
    assert statistics.published_densities("mnist", "5x100")[0] == 0.01


def test_arms_with_equal_masks_are_trained_once():
    masks = study.regions.Masks({"a": np.eye(2)})
    other = study.regions.Masks({"a": np.ones((2, 2))})
    order, distinct = study._distinct([masks, other, masks], [1, 1, 1])
    assert order == [0, 1, 0] and [mask for _, mask in distinct] == [masks, other]
