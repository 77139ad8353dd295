"""Small relatives of published architectures: every operation in its place, few channels.

`READ` are described exactly, `LOGITS` with ``output="logits"``, `WIRED` have operations without
linear regions, so that only their wiring is known. Each gives a module and the shape of an input.
"""

import itertools

import torch
import torch.nn.functional as F
from architecture_parts import (
    IMAGE,
    Basic,
    Bottleneck,
    Cell,
    Depth,
    DualPath,
    Excite,
    Factored,
    Fire,
    GoogLeNet,
    Inception,
    Net,
    PreAct,
    Shuffle1,
    Shuffle2,
    aggregated,
    alexnet,
    conv,
    convnext,
    densenet,
    gated,
    head,
    lenet,
    mixer,
    mobile,
    resnet,
    seq,
    stem,
    transformer,
    vgg,
    windowed,
)
from torch import nn


def unet():
    parts = {
        "d1": conv(3, 3),
        "d2": conv(3, 4),
        "up": nn.ConvTranspose2d(4, 3, kernel_size=2, stride=2),
        "u1": conv(6, 3),
        "out": nn.Conv2d(3, 2, 1),
    }

    def forward(m, x):
        first = m.d1(x)
        deep = m.d2(F.max_pool2d(first, 2))
        return m.out(m.u1(torch.cat([first, m.up(deep)], dim=1)))

    return Net(forward, **parts)


def segmenter():
    def forward(m, x):
        h = m.c(F.relu(m.b(m.a(x))))
        return F.interpolate(h, size=x.shape[-2:], mode="bilinear", align_corners=False)

    atrous = nn.Conv2d(3, 3, 3, padding=2, dilation=2)
    return Net(forward, a=conv(3, 3, s=2), b=atrous, c=nn.Conv2d(3, 2, 1))


def autoencoder():
    return seq(
        nn.Conv2d(3, 4, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(4, 5, 3, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(5, 4, 3, 2, 1, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 3, 3, 2, 1, 1),
    )


def perceptron(*widths, act=nn.ReLU, last=()):
    layers = []
    for i, o in itertools.pairwise(widths):
        layers += [nn.Linear(i, o), act()]
    return seq(nn.Flatten(), *layers[:-1], *last)


def maxout():
    def forward(m, x):
        h = m.a(x.flatten(1)).view(-1, 5, 4).max(dim=2).values
        return m.c(m.b(h).unflatten(1, (4, 3)).amax(-1))

    return Net(forward, a=nn.Linear(9, 20), b=nn.Linear(5, 12), c=nn.Linear(4, 3))


def crelu():
    return Net(
        lambda m, x: m.h(F.relu(torch.cat([(y := m.a(x)), -y], 1))), a=nn.Conv2d(3, 3, 3), h=head(6)
    )


class Masked(nn.Linear):
    """A linear layer with a mask of its own, as in ShrinkBench."""

    def __init__(self, i, o):
        super().__init__(i, o)
        self.register_buffer("mask", (torch.rand(o, i) < 0.5).float())

    def forward(self, x):
        return F.linear(x, self.weight * self.mask, self.bias)


class Standardised(nn.Conv2d):
    def forward(self, x):
        w = self.weight
        w = w - w.mean((1, 2, 3), keepdim=True)
        w = w / (w.std((1, 2, 3), keepdim=True) + 1e-5)
        return F.conv2d(x, w, self.bias, self.stride, self.padding)


def described():
    """A model that gives its outputs by name, as those of Hugging Face do."""
    return Net(
        lambda m, x: {"logits": m.h(m.b(h := m.a(x))), "hidden": h},
        a=seq(*stem()),
        b=Bottleneck(4, 2, 6),
        h=head(6),
    )


def video():
    return seq(
        nn.Conv3d(2, 3, (3, 3, 3), padding=1),
        nn.BatchNorm3d(3),
        nn.ReLU(),
        nn.MaxPool3d(2),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(3, 2),
    )


def signal():
    return seq(
        nn.Conv1d(2, 4, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool1d(3, 2, 1),
        nn.Conv1d(4, 3, 3),
        nn.LeakyReLU(0.1),
        nn.AdaptiveMaxPool1d(2),
        nn.Flatten(),
        nn.Linear(6, 2),
    )


CIFAR_VGG = [4, "M", 6, 6, "M", 8, "M"]
RESNETS = {
    "ResNet-18": lambda: resnet(Basic(4, 4), Basic(4, 8, 2), stem=stem()),
    "ResNet-50": lambda: resnet(Bottleneck(4, 2, 8), stem=stem()),
    "ResNeXt-50": lambda: resnet(Bottleneck(4, 4, 8, groups=2), stem=stem()),
    "Wide ResNet-50": lambda: resnet(Bottleneck(4, 6, 8, 2), stem=stem()),
    "RegNetX": lambda: resnet(Bottleneck(4, 4, 8, 2, groups=2), stem=[conv(3, 4, s=2)]),
    "ResNet-20, option A": lambda: resnet(Basic(4, 4), Basic(4, 8, 2, "A")),
    "ResNet-20, option B": lambda: resnet(Basic(4, 4), Basic(4, 8, 2)),
    "ResNet-56, zeros by a product": lambda: resnet(Basic(4, 4), Basic(4, 8, 2, "C")),
    "ResNet of kuangliu": lambda: seq(
        conv(3, 4), Basic(4, 8, 2), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(32, 3)
    ),
    "PreAct ResNet": lambda: seq(nn.Conv2d(3, 4, 3), PreAct(4, 4), PreAct(4, 6, 2), head(6)),
    "Wide ResNet-28": lambda: seq(
        nn.Conv2d(3, 4, 3), PreAct(4, 6, 2, 0.3), nn.BatchNorm2d(6), nn.ReLU(), head(6)
    ),
    "stochastic depth": lambda: resnet(Basic(4, 8, 1, drop=Depth())),
    "weight standardisation": lambda: seq(Standardised(3, 4, 3), nn.ReLU(), head(4)),
}
READ = {
    "LeNet-5": lambda: (lenet(), (1, 12, 12)),
    "LeNet-5, average pooling": lambda: (lenet(nn.AvgPool2d), (1, 12, 12)),
    "LeNet-300-100": lambda: (perceptron(36, 12, 8, 3), (1, 6, 6)),
    "AlexNet": lambda: (alexnet(), IMAGE),
    "VGG-11": lambda: (vgg(CIFAR_VGG, norm=False), IMAGE),
    "VGG-16 with batch norm": lambda: (vgg([3, 3, "M", 4, 4, 4, "M"]), IMAGE),
    "VGG of kuangliu": lambda: (
        vgg([4, "M", 5, "M"], classifier=[nn.AvgPool2d(1, 1), nn.Flatten(), nn.Linear(80, 3)]),
        IMAGE,
    ),
    "VGG with a classifier": lambda: (
        vgg(
            [4, "M", 4, "M"],
            classifier=[
                nn.AdaptiveAvgPool2d((2, 2)),
                nn.Flatten(),
                nn.Linear(16, 6),
                nn.ReLU(True),
                nn.Dropout(),
                nn.Linear(6, 3),
            ],
        ),
        IMAGE,
    ),
    **{name: (lambda make=make: (make(), IMAGE)) for name, make in RESNETS.items()},
    "DenseNet-121": lambda: (densenet([conv(3, 4, 7, 2), nn.MaxPool2d(3, 2, 1)]), IMAGE),
    "DenseNet on CIFAR": lambda: (densenet([nn.Conv2d(3, 4, 3, padding=1)]), (3, 8, 8)),
    "GoogLeNet": lambda: (GoogLeNet(), IMAGE),
    "GoogLeNet on CIFAR": lambda: (
        seq(conv(3, 4), Inception(4, nn.MaxPool2d(3, stride=1, padding=1)), head(9)),
        (3, 8, 8),
    ),
    "Inception v3": lambda: (seq(conv(3, 3, s=2), Factored(3), head(11)), IMAGE),
    "SqueezeNet": lambda: (
        seq(
            nn.Conv2d(3, 4, 3, 2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True),
            Fire(4, 2, 3),
            nn.Dropout(),
            nn.Conv2d(6, 3, 1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d((1, 1)),
            nn.Flatten(),
        ),
        IMAGE,
    ),
    "MobileNet": lambda: (
        seq(conv(3, 4, s=2), conv(4, 4, groups=4), conv(4, 6, 1), nn.AvgPool2d(2), head(6)),
        IMAGE,
    ),
    "MobileNetV2": lambda: (mobile(nn.ReLU6), IMAGE),
    "MNASNet": lambda: (mobile(nn.ReLU), IMAGE),
    "ShuffleNet": lambda: (seq(conv(3, 4, 1), Shuffle1(4, 4), head(8)), IMAGE),
    "ShuffleNetV2": lambda: (seq(conv(3, 4, s=2), Shuffle2(4, 1), Shuffle2(4, 2), head(4)), IMAGE),
    "DPN": lambda: (seq(conv(3, 4), DualPath(4, 3, 2), head(7)), (3, 8, 8)),
    "DLA": lambda: (aggregated(), (3, 8, 8)),
    "PNASNet": lambda: (seq(conv(3, 4), Cell(4, 6), head(6)), (3, 8, 8)),
    "Network in Network": lambda: (
        seq(
            nn.Conv2d(3, 4, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(4, 3, 1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            nn.AvgPool2d(kernel_size=8, stride=1, padding=0),
            nn.Flatten(),
        ),
        IMAGE,
    ),
    "U-Net": lambda: (unet(), (3, 8, 8)),
    "DeepLab": lambda: (segmenter(), (3, 8, 8)),
    "autoencoder": lambda: (autoencoder(), (3, 8, 8)),
    "super-resolution": lambda: (
        seq(nn.Conv2d(1, 4, 3, padding=1), nn.PReLU(4), nn.Conv2d(4, 4, 3), nn.PixelShuffle(2)),
        (1, 6, 6),
    ),
    "maxout": lambda: (maxout(), (1, 3, 3)),
    "concatenated ReLU": lambda: (crelu(), (3, 6, 6)),
    "binarised style, Hardtanh": lambda: (perceptron(9, 8, 6, 3, act=nn.Hardtanh), (1, 3, 3)),
    "masked layers of ShrinkBench": lambda: (
        seq(nn.Flatten(), Masked(9, 8), nn.ReLU(), Masked(8, 3)),
        (1, 3, 3),
    ),
    "ResNet in three dimensions": lambda: (video(), (2, 4, 6, 6)),
    "signals": lambda: (signal(), (2, 12)),
}
LOGITS = {
    "LeNet with log-softmax": lambda: (seq(lenet(), nn.LogSoftmax(dim=1)), (1, 12, 12)),
    "perceptron with softmax": lambda: (perceptron(9, 8, 3, last=[nn.Softmax(1)]), (1, 3, 3)),
    "detector with sigmoid": lambda: (perceptron(9, 8, 1, last=[nn.Sigmoid()]), (1, 3, 3)),
    "ResNet of Hugging Face": lambda: (described(), IMAGE),
}
WIRED = {
    "SE-ResNet": lambda: (resnet(Bottleneck(4, 2, 8, gate=Excite(8))), IMAGE),
    "RegNetY": lambda: (resnet(Bottleneck(4, 4, 8, 2, 2, Excite(8)), stem=stem()), IMAGE),
    "MobileNetV3": lambda: (mobile(nn.Hardswish, Excite(8, F.hardsigmoid)), IMAGE),
    "EfficientNet": lambda: (mobile(nn.SiLU, Excite(8)), IMAGE),
    "ViT": lambda: (transformer(), IMAGE),
    "Swin": lambda: (windowed(), IMAGE),
    "Swin v2": lambda: (windowed(cosine=True), IMAGE),
    "ConvNeXt": lambda: (convnext(), IMAGE),
    "MLP-Mixer": lambda: (mixer(), IMAGE),
    "gated linear units": lambda: (gated(), (1, 3, 3)),
    "LeNet with tanh": lambda: (perceptron(9, 8, 3, act=nn.Tanh), (1, 3, 3)),
}


def built(factory):
    """Return the module with statistics of batch norm that are not trivial, and its input shape."""
    torch.manual_seed(0)
    model, shape = factory()
    for part in model.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(part.running_mean, -0.5, 0.5)
            nn.init.uniform_(part.running_var, 0.5, 2.0)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.5, 0.5)
    return model.eval(), shape
