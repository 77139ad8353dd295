import numpy as np
import pytest
import torch
from torch.nn import functional as F

from regions.errors import ArgumentError
from regions.training import Recipe, build_model, evaluate, train


@pytest.mark.parametrize("name", ["mlp", "resnet20"])
def test_stacked_and_single_evaluation_agree(digits, name):
    small = {"hidden": (9,)} if name == "mlp" else {"width": 2}
    models = [
        build_model(name, digits.image_shape, digits.classes, seed=seed, **small).double()
        for seed in range(3)
    ]
    result = train(models, digits, Recipe(epochs=1, lr=0.02))
    stacked = evaluate(result, digits.test, batch_size=100)
    single = evaluate(result.models(), digits.test)
    np.testing.assert_array_equal(stacked.predictions, single.predictions)
    np.testing.assert_allclose(stacked.losses, single.losses, atol=1e-10)
    x, y = torch.tensor(digits.test.inputs).double(), torch.tensor(digits.test.labels)
    for index, model in enumerate(result.models()):
        outputs = model(x)
        np.testing.assert_array_equal(stacked.predictions[index], outputs.argmax(1))
        assert stacked.losses[index] == pytest.approx(F.cross_entropy(outputs, y).item())
        assert stacked.accuracy[index] == (outputs.argmax(1) == y).double().mean()


def test_models_keep_their_training_flag_and_statistics(digits):
    model = build_model("resnet20", digits.image_shape, digits.classes, width=2).train()
    before = model.bn1.running_mean.clone()
    evaluate([model], digits.validation)
    assert model.training and torch.equal(model.bn1.running_mean, before)


def test_forms(digits):
    models = [build_model("mlp", digits.image_shape, digits.classes, seed=s) for s in range(2)]
    found = evaluate(models, digits.validation)
    assert found.predictions.shape == found.correct.shape == (2, len(digits.validation))
    assert list(found.to_frame().columns) == ["model", "accuracy", "loss"]
    assert found.to_dict()["n"] == len(digits.validation)
    assert found.summary().startswith("2 models on 30 images")


def test_nothing_to_evaluate(digits):
    with pytest.raises(ArgumentError, match="0 models"):
        evaluate([], digits.test)
