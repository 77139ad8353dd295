import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions.errors import ArgumentError
from regions.training import MODELS, build_model

# published: He et al. 2016, table 6 (millions); LeNet-5's fully connected part 400-120-84-10
PUBLISHED = {"resnet20": 0.27, "resnet32": 0.46, "resnet44": 0.66, "resnet56": 0.85}


def size(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("name", "millions"), PUBLISHED.items())
def test_residual_networks_have_the_published_sizes(name, millions):
    assert round(size(build_model(name, (3, 32, 32), 10)) / 1e6, 2) == millions


def test_resnet110_has_the_published_size():
    assert round(size(build_model("resnet110", (3, 32, 32), 10)) / 1e6, 1) == 1.7


def test_other_sizes_by_hand():
    assert size(
        build_model("mlp", (784,), 10, hidden=(400, 400))
    ) == 784 * 400 + 400 * 410 + 810 + (0)
    lenet = 6 * 26 + 16 * 151 + 401 * 120 + 121 * 84 + 85 * 10
    assert size(build_model("lenet5", (1, 28, 28), 10)) == lenet == 61706
    assert size(build_model("lenet5", (1, 32, 32), 10)) == lenet
    widths = {"vgg11": [64, 128, 256, 256, 512, 512, 512, 512]}
    widths["vgg16"] = [64, 64, 128, 128, 256, 256, 256, *[512] * 6]
    for name, channels in widths.items():
        pairs = zip([3, *channels], channels, strict=False)
        expected = sum(9 * a * b + 3 * b for a, b in pairs) + 513 * 10
        assert size(build_model(name, (3, 32, 32), 10)) == expected


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 8), (1, 13, 15)])
def test_every_model_classifies_every_image_size(name, shape):
    if name == "lenet5" and shape == (1, 8, 8):
        with pytest.raises(ArgumentError, match="at least 12x12"):
            build_model(name, shape, 7)
        return
    small = {} if name in ("mlp", "lenet5") else {"width": 2}
    model = build_model(name, shape, 7, **small)
    images = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    assert model(images).shape == (3, 7)
    modules = [module for _, module in model.named_modules()]
    assert not any(isinstance(module, nn.MaxPool2d) for module in modules)
    relus = [module for module in modules if isinstance(module, nn.ReLU)]
    assert len(relus) == len(set(map(id, relus)))


def test_seeds_decide_and_the_global_state_stays():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, same, other = (build_model("mlp", (4,), 2, seed=seed) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.fc1.weight, same.fc1.weight)
    assert not torch.equal(first.fc1.weight, other.fc1.weight)


@pytest.mark.parametrize("name", ["mlp", "convnet", "resnet20", "vgg11"])
def test_the_description_reproduces_the_model(name):
    small = {} if name == "mlp" else {"width": 2}
    model = build_model(name, (1, 8, 8), 3, **small).eval()
    net = regions.as_network(model, input_shape=(1, 8, 8))
    images = np.random.default_rng(0).normal(size=(5, 1, 8, 8))
    expected = model.double()(torch.from_numpy(images)).detach().numpy()
    np.testing.assert_allclose(net(images), expected, rtol=1e-9, atol=1e-9)


def test_the_description_reads_lenet():
    model = build_model("lenet5", (1, 28, 28), 10).eval()
    net = regions.as_network(model, input_shape=(1, 28, 28))
    assert list(net.widths) == [784, 6 * 784, 16 * 100, 120, 84, 10]


def test_wrong_calls_say_what_to_do():
    for arguments, options, message in [
        (("lenet", (1, 28, 28), 10), {}, "choose one of mlp, lenet5"),
        (("convnet", (784,), 10), {}, "channels, height, width"),
        (("convnet", (1, 0, 8), 10), {}, "channels, height, width"),
        (("mlp", (1, 8, 8), 0), {}, "1 or more"),
        (("mlp", (1, 8, 8), 10), {"hidden": (5, 0)}, "1 or more"),
        (("mlp", (1, 8, 8), 10), {"width": 3}, "its options are: hidden"),
        (("resnet20", (1, 8, 8), 10), {"depth": 3}, r"option\(s\) depth; its options are: width"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            build_model(*arguments, **options)
