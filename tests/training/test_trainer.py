import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.prune import random_unstructured

from regions.errors import ArgumentError, DataError
from regions.training import Recipe, Split, build_model, evaluate, load_data, train
from regions.training.perceptron import linear_modules

RECIPES = [
    Recipe(epochs=3, batch_size=37, lr=0.1),
    Recipe(epochs=4, batch_size=64, lr=0.1, weight_decay=1e-2, schedule="cosine"),
    Recipe(epochs=4, lr=0.1, momentum=0.5, nesterov=False, weight_decay=1e-2, schedule="step"),
    Recipe(epochs=3, lr=0.1, warmup=2, label_smoothing=0.1, crop=2, flip=True),
]


def build(name, data, count, dtype=torch.float64, **options):
    return [
        build_model(name, data.image_shape, data.classes, seed=seed, **options).to(dtype)
        for seed in range(count)
    ]


def random_masks(model, density, rng):
    return {
        name: rng.random(tuple(module.weight.shape)) < density
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }


def assert_same(result, references, atol):
    for index, model in enumerate(references):
        for name, value in model.state_dict().items():
            found = result.state_dict(index)[name]
            torch.testing.assert_close(found, value, rtol=0, atol=atol, msg=f"{index} {name}")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_stack_of_perceptrons_equals_the_plain_loop(digits, plain, recipe):
    models = build("mlp", digits, 3, hidden=(20, 15))
    result = train(models, digits, recipe, seeds=[5, 6, 5])
    references = copy.deepcopy(models)
    for index, seed in enumerate([5, 6, 5]):
        losses = plain(references[index], digits, recipe, seed)
        mine = result.history.query("model == @index")
        np.testing.assert_allclose(mine["train_loss"], losses, atol=1e-10)
    assert_same(result, references, 1e-10)


def test_single_precision_agrees_to_rounding(digits, plain):
    models = build("mlp", digits, 2, torch.float32)
    recipe = Recipe(epochs=2, batch_size=32)
    result = train(models, digits, recipe)
    for seed, model in enumerate(models):
        plain(model, digits, recipe, seed)
    assert_same(result, models, 1e-5)


@pytest.mark.parametrize("density", [0.5, 0.02])
@pytest.mark.parametrize("recipe", RECIPES)
def test_masked_perceptrons_equal_the_plain_loop(digits, plain, density, recipe):
    """At density .02 only the kept weights are stored; nobody can tell from the result."""
    models = build("mlp", digits, 4, hidden=(30, 20))
    rng = np.random.default_rng(int(1 / density))
    masks = [random_masks(model, density, rng) for model in models]
    masks[1].pop("fc3")
    result = train(models, digits, recipe, masks=masks, stack_size=3)
    for seed, model in enumerate(models):
        plain(model, digits, recipe, seed, masks[seed])
    assert_same(result, models, 1e-10)
    for index, mask in enumerate(masks):
        for name, kept in mask.items():
            assert (result.state_dict(index)[f"{name}.weight"].numpy()[~kept] == 0.0).all()


def test_dense_and_sparse_models_mix_in_one_call(digits, plain):
    """Stacks are sorted by density and may train on threads; the order given comes back."""
    models = build("mlp", digits, 6, hidden=(20,))
    rng = np.random.default_rng(0)
    densities = [0.02, 1.0, 0.1, 0.5, 0.05, 0.3]
    masks = [random_masks(model, d, rng) for model, d in zip(models, densities, strict=True)]
    masks[1] = None
    recipe = Recipe(epochs=2, weight_decay=1e-3)
    result = train(models, digits, recipe, masks=masks, stack_size=2, n_jobs=2)
    for seed, model in enumerate(models):
        plain(model, digits, recipe, seed, masks[seed])
    assert_same(result, models, 1e-10)
    assert evaluate(result, digits.test).accuracy.tolist() == (
        evaluate(models, digits.test).accuracy.tolist()
    )


def test_sparse_perceptrons_without_biases(digits, plain):
    models = [
        nn.Sequential(
            nn.Flatten(), nn.Linear(64, 20, bias=False), nn.ReLU(), nn.Linear(20, 10, bias=False)
        ).double()
        for _ in range(2)
    ]
    masks = {"1": np.arange(64 * 20).reshape(20, 64) % 13 == 0}
    result = train(models, digits, Recipe(epochs=2), masks=masks)
    for seed, model in enumerate(models):
        plain(model, digits, Recipe(epochs=2), seed, masks)
    assert_same(result, models, 1e-10)


def test_nothing_left_trains_only_the_last_bias(digits, plain):
    models = build("mlp", digits, 2, hidden=(8,))
    masks = {"fc1": np.zeros((8, 64), bool), "fc2": np.zeros((10, 8), bool)}
    recipe = Recipe(epochs=2, weight_decay=0.1)
    result = train(models, digits, recipe, masks=masks)
    for seed, model in enumerate(models):
        plain(model, digits, recipe, seed, masks)
    assert_same(result, models, 1e-12)


class Residual(nn.Module):
    """No chain: functional calls, a skip, and batch normalisation."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(64, 64)
        self.norm = nn.BatchNorm1d(64)
        self.outer = nn.Linear(64, 10)

    def forward(self, x):
        x = x.flatten(1)
        return self.outer(torch.relu(self.norm(self.inner(x)) + x))


@pytest.mark.parametrize("recipe", RECIPES)
def test_any_module_trains_as_a_stack(digits, plain, recipe):
    models = [Residual().double() for _ in range(3)]
    masks = {"inner": np.arange(64 * 64).reshape(64, 64) % 3 == 0}
    result = train(models, digits, recipe, masks=masks)
    for seed, model in enumerate(models):
        plain(model, digits, recipe, seed, masks)
    assert_same(result, models, 1e-10)


@pytest.mark.parametrize("together", [True, False])
def test_convolutions_with_batch_norm_equal_the_plain_loop(digits, plain, together, monkeypatch):
    monkeypatch.setattr("regions.training.functional._VMAP_PIXELS", 1000 if together else 0)
    models = build("resnet20", digits, 2, width=2)
    masks = [random_masks(model, 0.5, np.random.default_rng(0)) for model in models]
    recipe = Recipe(epochs=1, batch_size=50, lr=0.02)
    result = train(models, digits, recipe, masks=masks)
    for seed, model in enumerate(models):
        plain(model, digits, recipe, seed, masks[seed])
    assert_same(result, models, 1e-9)


def test_stack_size_does_not_matter(digits):
    models = build("mlp", digits, 5, hidden=(12,))
    results = [train(models, digits, Recipe(epochs=2), stack_size=size) for size in (1, 2, 5)]
    for other in results[1:]:
        for name, value in results[0].parameters.items():
            torch.testing.assert_close(other.parameters[name], value, rtol=0, atol=1e-12)
        assert other.seeds == results[0].seeds


def test_models_and_global_random_state_stay_as_they_were(digits):
    class Noisy(nn.Sequential):
        pass

    models = [
        Noisy(nn.Flatten(), nn.Linear(64, 9), nn.Dropout(), nn.Linear(9, 10)) for _ in range(2)
    ]
    before = [copy.deepcopy(model.state_dict()) for model in models]
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    state, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = train(models, digits, Recipe(epochs=2))
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == numbers).all()  # noqa: NPY002
    torch.manual_seed(4)
    second = train(models, digits, Recipe(epochs=2))
    for name, value in first.parameters.items():
        assert torch.equal(value, second.parameters[name]), "dropout must follow the seeds"
    for model, old in zip(models, before, strict=True):
        assert model.training
        assert all(torch.equal(value, old[name]) for name, value in model.state_dict().items())


class Killed(Exception):
    pass


@pytest.mark.parametrize("name", ["mlp", "resnet20"])
@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_killed_run_goes_on_to_the_identical_result(digits, tmp_path, monkeypatch, name, keep):
    from regions.training import descent

    models = build(name, digits, 2, torch.float32, **({"width": 2} if name == "resnet20" else {}))
    recipe = Recipe(epochs=4, lr=0.02, weight_decay=1e-3, schedule="cosine", keep=keep)
    masks = [random_masks(model, 0.1, np.random.default_rng(1)) for model in models]
    whole = train(models, digits, recipe, masks=masks)
    monkeypatch.setattr(descent, "_SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    original, calls = descent._epoch, []

    def dying(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise Killed
        original(*arguments)

    monkeypatch.setattr(descent, "_epoch", dying)
    with pytest.raises(Killed):
        train(models, digits, recipe, masks=masks, checkpoint=tmp_path)
    resumed = train(models, digits, recipe, masks=masks, checkpoint=tmp_path)
    assert len(calls) == 3 + 2
    again = train(models, digits, recipe, masks=masks, checkpoint=tmp_path)
    assert len(calls) == 5, "a finished run is not computed again"
    for result in (resumed, again):
        for key, value in {**whole.parameters, **whole.buffers}.items():
            assert torch.equal(result.parameters.get(key, result.buffers.get(key)), value)
        assert result.history.equals(whole.history)
        assert result.epochs_kept == whole.epochs_kept


def test_a_checkpoint_of_another_run_is_refused(digits, tmp_path):
    models = build("mlp", digits, 1, hidden=(5,))
    train(models, digits, Recipe(epochs=1), checkpoint=tmp_path)
    with pytest.raises(DataError, match="belongs to another run"):
        train(models, digits, Recipe(epochs=2), checkpoint=tmp_path)
    with pytest.raises(DataError, match="belongs to another run"):
        train(
            build("mlp", digits, 2, hidden=(5,))[1:], digits, Recipe(epochs=1), checkpoint=tmp_path
        )
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="cannot be read"):
        train(models, digits, Recipe(epochs=1), checkpoint=tmp_path)


def test_images_in_any_memory_order_have_checkpoints(digits, tmp_path):
    """Colour images that a file holds with their channels last are views with other strides."""
    train_part = Split(np.asfortranarray(digits.train.inputs[:40]), digits.train.labels[:40])
    data = dataclasses.replace(digits, train=train_part)
    models = build("convnet", digits, 1, torch.float32, width=2)
    once = train(models, data, Recipe(epochs=1), checkpoint=tmp_path / "a")
    plain = dataclasses.replace(data, train=Split(train_part.inputs.copy("C"), train_part.labels))
    again = train(models, plain, Recipe(epochs=1), checkpoint=tmp_path / "a")
    for key, value in once.parameters.items():
        assert torch.equal(again.parameters[key], value)


def test_the_best_epoch_is_chosen_on_validation_images_alone(digits):
    models = build("mlp", digits, 3, hidden=(10,))
    result = train(models, digits, Recipe(epochs=6, lr=0.3, keep="best"))
    best = evaluate(result, digits.validation).accuracy
    for index in range(3):
        curve = result.history.query("model == @index")["validation_accuracy"].to_numpy()
        assert result.epochs_kept[index] == curve.argmax() + 1
        assert best[index] == pytest.approx(curve.max())


def test_training_never_reads_the_test_images(digits):
    import dataclasses

    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(f"training looked at the test images ({name})")

    sealed = dataclasses.replace(digits, test=Untouchable())
    train(build("mlp", digits, 1, hidden=(5,)), sealed, Recipe(epochs=1, keep="best"))


def test_no_epochs_apply_the_masks_and_nothing_else(digits):
    models = build("mlp", digits, 2, hidden=(5,))
    masks = random_masks(models[0], 0.5, np.random.default_rng(0))
    result = train(models, digits, Recipe(epochs=0), masks=masks)
    for index, model in enumerate(models):
        expected = model.fc1.weight * torch.as_tensor(masks["fc1"])
        assert torch.equal(result.model(index).fc1.weight, expected)
    assert result.history.empty and result.summary().endswith("0 epochs.")


def test_training_without_validation_images(tmp_path):
    data = load_data("digits", limit=100, validation=0.0)
    models = build("mlp", data, 1, hidden=(5,))
    result = train(models, data, Recipe(epochs=1), checkpoint=tmp_path)
    assert result.history["validation_accuracy"].isna().all()
    with pytest.raises(ArgumentError, match="needs validation images"):
        train(models, data, Recipe(keep="best"))


@pytest.mark.parametrize("density", [0.5, 0.1])
def test_divergence_is_reported(digits, density):
    models = build("mlp", digits, 2, torch.float32, hidden=(30, 30))
    masks = random_masks(models[0], density, np.random.default_rng(0))
    result = train(models, digits, Recipe(epochs=3, lr=1e30), masks=masks)
    assert "2 diverged" in result.summary()
    for name, kept in masks.items():
        weights = result.model(0).get_submodule(name).weight.detach().numpy()
        assert (weights[~kept] == 0).all()


def test_training_learns(digits):
    models = build("mlp", digits, 2, torch.float32)
    result = train(models, digits, Recipe(epochs=15))
    assert evaluate(models, digits.test).accuracy.max() < 0.3
    assert evaluate(result, digits.test).accuracy.min() > 0.85
    assert "validation accuracy" in result.summary()
    assert result.to_dict()["epochs_kept"] == [15, 15]


def test_only_plain_perceptrons_take_the_fast_path():
    flat, fc = nn.Flatten(), nn.Linear(4, 4)
    assert linear_modules(nn.Sequential(flat, fc, nn.ReLU(), nn.Linear(4, 2))) == ("1", "3")
    assert linear_modules(nn.Sequential(fc)) == ("0",)
    assert linear_modules(nn.Sequential(fc, nn.LeakyReLU(), nn.Linear(4, 2))) is None
    assert linear_modules(nn.Sequential(fc, nn.ReLU())) is None
    assert linear_modules(nn.Sequential(fc, fc)) is None
    assert linear_modules(nn.ModuleList([fc])) is None
    relu = nn.ReLU()
    assert linear_modules(nn.Sequential(fc, relu, nn.Linear(4, 4), relu, nn.Linear(4, 2)))
    hooked = nn.Sequential(nn.Linear(4, 2))
    hooked[0].register_forward_hook(lambda *_: None)
    assert linear_modules(hooked) is None


def test_wrong_calls_say_what_to_do(digits):
    models = build("mlp", digits, 2, hidden=(5,))
    other = build("mlp", digits, 1, hidden=(6,))
    wrong = [
        (([], digits), {}, "at least one"),
        (([models[0], other[0]], digits), {}, "model 1: fc1.weight"),
        (([models[0], models[1].float()], digits), {}, "model 1"),
        (([models[0], nn.Linear(64, 10)], digits), {}, "other parameters"),
        (([nn.Sequential(nn.Flatten())], digits), {}, "no parameters"),
        (([nn.Sequential(nn.Flatten(), nn.Linear(64, 7))], digits), {}, "one logit per class"),
        (([nn.Sequential(nn.Flatten(), nn.Linear(63, 10))], digits), {}, "cannot take images"),
        ((models[:1], digits), {"seeds": [1, 2]}, "one per model"),
        ((models[:1], digits), {"seeds": [-1]}, ">= 0"),
        ((models[:1], digits), {"masks": {"fc9": np.ones(1)}}, "the layers are"),
        ((models[:1], digits), {"masks": {"fc1": np.ones((2, 2))}}, r"shape \(5, 64\)"),
        ((models[:1], digits), {"masks": {"fc2": np.full((10, 5), 0.5)}}, "booleans"),
        ((models[:1], digits), {"masks": [None, None]}, "one per model"),
    ]
    for arguments, options, message in wrong:
        with pytest.raises(ArgumentError, match=message):
            train(*arguments, Recipe(epochs=1), **options)
    pruned = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    random_unstructured(pruned[1], "weight", 0.5)
    with pytest.raises(ArgumentError, match="masks="):
        train([pruned], digits, Recipe(epochs=1))
    frozen = build("mlp", digits, 1)[0].requires_grad_(False)
    with pytest.raises(ArgumentError, match="frozen"):
        train([frozen], digits, Recipe(epochs=1))
    with pytest.raises(ArgumentError, match=r"use model\.float"):
        train([models[0].half()], digits, Recipe(epochs=1))
    square = nn.Linear(64, 64)
    shared = nn.Sequential(nn.Flatten(), square, nn.ReLU(), square, nn.Linear(64, 10))
    with pytest.raises(ArgumentError, match="shared"):
        train([shared], digits, Recipe(epochs=1))


@pytest.mark.parametrize(
    "option",
    [
        {"epochs": -1},
        {"epochs": 1.5},
        {"batch_size": 0},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"momentum": 1.0},
        {"weight_decay": -1e-4},
        {"schedule": "linear"},
        {"milestones": (30,)},
        {"gamma": 0.0},
        {"keep": "first"},
    ],
)
def test_a_recipe_refuses_nonsense(option):
    with pytest.raises(ArgumentError, match=f"recipe: {next(iter(option))}"):
        Recipe(**option)


def test_rates_of_the_schedules():
    step = Recipe(epochs=8, lr=1.0, schedule="step")
    assert [step.rate(epoch) for epoch in (0, 3, 4, 6)] == pytest.approx([1, 1, 0.1, 0.01])
    cosine = Recipe(epochs=4, lr=1.0, schedule="cosine")
    assert [cosine.rate(epoch) for epoch in (0, 2)] == pytest.approx([1.0, 0.5])


def test_images_without_rows_and_columns_are_not_moved(digits):
    flat = [
        Split(part.inputs.reshape(len(part), -1), part.labels)
        for part in (digits.train, digits.validation, digits.test)
    ]
    names = ("train", "validation", "test")
    data = dataclasses.replace(digits, image_shape=(64,), **dict(zip(names, flat, strict=True)))
    models = build("mlp", digits, 1, hidden=(5,))
    with pytest.raises(ArgumentError, match="crop and flip move images"):
        train(models, data, Recipe(epochs=1, flip=True))


@pytest.mark.parametrize(
    "given", [{"warmup": -1}, {"label_smoothing": 1.0}, {"crop": 0.5}, {"flip": "yes"}]
)
def test_nonsense_in_a_recipe_is_refused(given):
    with pytest.raises(ArgumentError, match=next(iter(given))):
        Recipe(**given)


def test_the_rate_rises_and_then_follows_its_schedule():
    plain = Recipe(epochs=8, lr=0.8, schedule="cosine")
    warm = dataclasses.replace(plain, warmup=3)
    shares = [warm.rate(epoch) / plain.rate(epoch) for epoch in range(8)]
    assert shares == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 1])
