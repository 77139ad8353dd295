"""Large image networks as published, with random weights: what the benchmark `large` measures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut: He et al., arXiv:1512.03385, figure 5."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        short = (nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.short = nn.Sequential(*(short if stride > 1 or inputs != outputs else ()))

    def forward(self, x: Tensor) -> Tensor:
        h = functional.relu(self.bn1(self.conv1(x)))
        h = functional.relu(self.bn2(self.conv2(h)))
        return functional.relu(self.bn3(self.conv3(h)) + self.short(x))


class _Basic(nn.Module):
    """Two 3x3 convolutions beside a shortcut: the blocks of ResNet-18 and ResNet-34."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        short = (nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))
        self.short = nn.Sequential(*(short if stride > 1 or inputs != width else ()))

    def forward(self, x: Tensor) -> Tensor:
        h = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(h)) + self.short(x))


class _Wide(nn.Module):
    """A block with batch norm and ReLU first: Zagoruyko and Komodakis, arXiv:1605.07146."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.short = nn.Conv2d(inputs, width, 1, stride, bias=False) if inputs != width else None

    def forward(self, x: Tensor) -> Tensor:
        h = functional.relu(self.bn1(x))
        short = x if self.short is None else self.short(h)
        return self.conv2(functional.relu(self.bn2(self.conv1(h)))) + short


def _imagenet(block: type, blocks: tuple[int, ...], expansion: int, pool: str) -> nn.Module:
    first = nn.MaxPool2d(3, 2, 1) if pool == "max" else nn.AvgPool2d(3, 2, 1)
    parts = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), first]
    inputs = 64
    for stage, number in enumerate(blocks):
        for place in range(number):
            stride = 2 if stage and not place else 1
            parts.append(block(inputs, 64 * 2**stage, stride))
            inputs = expansion * 64 * 2**stage
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000))


def _wide_resnet(depth: int, factor: int) -> nn.Module:
    parts, inputs = [nn.Conv2d(3, 16, 3, 1, 1, bias=False)], 16
    for stage in range(3):
        for place in range((depth - 4) // 6):
            stride = 2 if stage and not place else 1
            parts.append(_Wide(inputs, 16 * factor * 2**stage, stride))
            inputs = 16 * factor * 2**stage
    last = [nn.BatchNorm2d(inputs), nn.ReLU(), nn.AvgPool2d(8), nn.Flatten()]
    return nn.Sequential(*parts, *last, nn.Linear(inputs, 10))


def _resnet20() -> nn.Module:
    from regions.training import build_model

    return build_model("resnet20", (3, 32, 32), 10)


LARGE: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "ResNet-20": (_resnet20, (3, 32, 32)),
    "ResNet-18": (lambda: _imagenet(_Basic, (2, 2, 2, 2), 1, "max"), (3, 224, 224)),
    "ResNet-50": (lambda: _imagenet(_Bottleneck, (3, 4, 6, 3), 4, "max"), (3, 224, 224)),
    "ResNet-50, average pooling": (
        lambda: _imagenet(_Bottleneck, (3, 4, 6, 3), 4, "average"),
        (3, 224, 224),
    ),
    "WRN-28-10": (lambda: _wide_resnet(28, 10), (3, 32, 32)),
}


def large_model(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    """Return a network in eval mode with statistics of batch norm that are not trivial."""
    make, shape = LARGE[name]
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return with_statistics(make()), shape


def with_statistics(model: nn.Module) -> nn.Module:
    """Return `model` in eval mode, with drawn statistics and scales of batch normalisation."""
    draw = torch.Generator().manual_seed(1)
    for part in model.modules():
        if not isinstance(part, nn.modules.batchnorm._BatchNorm):
            continue
        mean, variance = part.running_mean, part.running_var
        if mean is not None and variance is not None:
            size = mean.shape
            mean.copy_(0.3 * torch.randn(size, generator=draw))
            variance.copy_(0.5 + torch.rand(size, generator=draw))
            if part.affine:
                part.weight.data.copy_(0.5 + torch.rand(size, generator=draw))
                part.bias.data.copy_(0.3 * torch.randn(size, generator=draw))
    return model.eval()
