"""Small relatives of published architectures: every operation in its place, few channels.

`READ` are described exactly, `LOGITS` with ``output="logits"``, `WIRED` have operations without
linear regions, so that only their wiring is known. Each gives a module and the shape of an input.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import nn

IMAGE = (3, 16, 16)


class Net(nn.Module):
    """Parts by name, and what their forward pass does."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, nn.ModuleList(part) if isinstance(part, list) else part)

    def forward(self, x):
        return self.function(self, x)


def conv(i, o, k=3, s=1, p=None, act=nn.ReLU, **more):
    parts = [nn.Conv2d(i, o, k, s, k // 2 if p is None else p, bias=False, **more)]
    return nn.Sequential(*parts, nn.BatchNorm2d(o), *([act()] if act else []))


def seq(*parts):
    return nn.Sequential(*parts)


def head(channels, classes=3):
    return seq(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def vgg(plan, norm=True, classifier=None):
    parts, width = [], 3
    for step in plan:
        if step == "M":
            parts.append(nn.MaxPool2d(2, 2))
            continue
        parts += [nn.Conv2d(width, step, 3, padding=1)]
        parts += [nn.BatchNorm2d(step)] if norm else []
        parts, width = [*parts, nn.ReLU(inplace=True)], step
    return seq(*parts, *(classifier or [head(width)]))


def alexnet():
    return seq(
        nn.Conv2d(3, 4, 5, 2, 2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(kernel_size=2, stride=1),
        nn.AdaptiveAvgPool2d((2, 2)),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(24, 8),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(8, 3),
    )


def lenet(pool=nn.MaxPool2d):
    return seq(
        nn.Conv2d(1, 3, 5, padding=2),
        nn.ReLU(),
        pool(2),
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        pool(2),
        nn.Flatten(),
        nn.Linear(16, 8),
        nn.ReLU(),
        nn.Linear(8, 5),
        nn.ReLU(),
        nn.Linear(5, 3),
    )


class Basic(nn.Module):
    def __init__(self, i, o, s=1, shortcut="B", drop=None):
        super().__init__()
        self.c1, self.c2 = conv(i, o, s=s, act=None), conv(o, o, act=None)
        self.kind, self.s, self.drop = shortcut, s, drop
        self.down = conv(i, o, 1, s, act=None) if (s > 1 or i != o) and shortcut == "B" else None
        self.more = o - i

    def forward(self, x):
        out = self.c2(F.relu(self.c1(x), inplace=True))
        if self.drop is not None:
            out = self.drop(out)
        if self.down is not None:
            x = self.down(x)
        elif self.s > 1 and self.kind == "A":
            sides = (0, 0, 0, 0, self.more // 2, self.more - self.more // 2)
            x = F.pad(x[:, :, ::2, ::2], sides, "constant", 0)
        elif self.s > 1:
            x = F.avg_pool2d(x, 1, 2)
            x = torch.cat((x, x.mul(0)), 1)
        out += x
        return F.relu(out)


class Bottleneck(nn.Module):
    def __init__(self, i, w, o, s=1, groups=1, gate=None):
        super().__init__()
        self.c1, self.c2 = conv(i, w, 1), conv(w, w, 3, s, groups=groups)
        self.c3, self.down = conv(w, o, 1, act=None), conv(i, o, 1, s, act=None)
        self.relu, self.gate = nn.ReLU(inplace=True), gate or nn.Identity()

    def forward(self, x):
        return self.relu(self.gate(self.c3(self.c2(self.c1(x)))) + self.down(x))


class PreAct(nn.Module):
    def __init__(self, i, o, s=1, drop=0.0):
        super().__init__()
        self.b1, self.c1 = nn.BatchNorm2d(i), nn.Conv2d(i, o, 3, s, 1, bias=False)
        self.b2, self.c2 = nn.BatchNorm2d(o), nn.Conv2d(o, o, 3, 1, 1, bias=False)
        self.cut, self.drop = nn.Conv2d(i, o, 1, s, bias=False), drop

    def forward(self, x):
        out = F.relu(self.b1(x))
        cut = self.cut(out)
        out = self.c1(out)
        out = F.dropout(F.relu(self.b2(out)), p=self.drop, training=self.training)
        return torch.add(self.c2(out), cut)


class Excite(nn.Module):
    """Squeeze-and-excitation."""

    def __init__(self, c, gate=torch.sigmoid):
        super().__init__()
        self.a, self.b, self.gate = nn.Conv2d(c, 2, 1), nn.Conv2d(2, c, 1), gate

    def forward(self, x):
        s = self.b(F.relu(self.a(F.adaptive_avg_pool2d(x, 1))))
        return x * self.gate(s)


class Depth(nn.Module):
    """Stochastic depth, which does nothing in eval mode."""

    def forward(self, x):
        if not self.training:
            return x
        return x * (torch.rand(len(x), 1, 1, 1) < 0.8)


def resnet(*blocks, stem=None, out=8):
    return seq(*(stem or [conv(3, 4)]), *blocks, head(out))


def stem():
    return [conv(3, 4, 7, 2), nn.MaxPool2d(kernel_size=3, stride=2, padding=1)]


class Dense(nn.Module):
    def __init__(self, i, growth):
        super().__init__()
        self.b1, self.c1 = nn.BatchNorm2d(i), nn.Conv2d(i, 2 * growth, 1, bias=False)
        self.b2, self.c2 = nn.BatchNorm2d(2 * growth), nn.Conv2d(2 * growth, growth, 3, padding=1)

    def forward(self, x):
        new = self.c2(F.relu(self.b2(self.c1(F.relu(self.b1(x))))))
        return torch.cat([x, new], 1)


def densenet(first):
    return seq(
        *first,
        Dense(4, 2),
        Dense(6, 2),
        seq(nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1), nn.AvgPool2d(2, stride=2)),
        Dense(4, 2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        head(6),
    )


class Inception(nn.Module):
    def __init__(self, i, pool):
        super().__init__()
        self.a, self.b = conv(i, 2, 1), seq(conv(i, 2, 1), conv(2, 3))
        self.c = seq(conv(i, 2, 1), conv(2, 2), conv(2, 2))
        self.d = seq(pool, conv(i, 2, 1))

    def forward(self, x):
        return torch.cat([self.a(x), self.b(x), self.c(x), self.d(x)], 1)


class GoogLeNet(nn.Module):
    """With an auxiliary head that only training uses."""

    def __init__(self):
        super().__init__()
        self.first = seq(conv(3, 4, 7, 2), nn.MaxPool2d(3, stride=2, ceil_mode=True))
        self.block = Inception(4, nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True))
        self.aux, self.last = head(9), seq(nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten())
        self.fc = nn.Linear(9, 3)

    def forward(self, x):
        x = torch.cat([x[:, i : i + 1] * 0.9 + 0.1 * i for i in range(3)], 1)
        h = self.block(self.first(x))
        aux = self.aux(h) if self.training else None
        out = self.fc(F.dropout(self.last(h), training=self.training))
        return (out, aux) if self.training else out


class Factored(nn.Module):
    """A block of Inception v3: factored convolutions and several branches of a branch."""

    def __init__(self, i):
        super().__init__()
        self.a, self.b = conv(i, 2, 1), conv(i, 3, 1)
        self.b1 = seq(nn.Conv2d(3, 2, (1, 3), padding=(0, 1)), nn.ReLU())
        self.b2 = seq(nn.Conv2d(3, 2, (3, 1), padding=(1, 0)), nn.ReLU())
        self.pool = conv(i, 2, 1)

    def forward(self, x):
        b = self.b(x)
        b = torch.cat([self.b1(b), self.b2(b)], 1)
        pool = self.pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return torch.cat(
            [self.a(x), b, pool, F.max_pool2d(x, kernel_size=3, stride=1, padding=1)], 1
        )


class Fire(nn.Module):
    def __init__(self, i, s, e):
        super().__init__()
        self.squeeze, self.one = nn.Conv2d(i, s, 1), nn.Conv2d(s, e, 1)
        self.three, self.act = nn.Conv2d(s, e, 3, padding=1), nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.act(self.squeeze(x))
        return torch.cat([self.act(self.one(x)), self.act(self.three(x))], 1)


class Inverted(nn.Module):
    def __init__(self, i, o, s, act=nn.ReLU6, gate=None):
        super().__init__()
        self.skip = s == 1 and i == o
        self.body = seq(
            conv(i, 2 * i, 1, act=act),
            conv(2 * i, 2 * i, 3, s, groups=2 * i, act=act),
            gate or nn.Identity(),
            conv(2 * i, o, 1, act=None),
        )

    def forward(self, x):
        return x + self.body(x) if self.skip else self.body(x)


def mobile(act, gate=None):
    blocks = [Inverted(4, 4, 1, act, gate), Inverted(4, 6, 2, act)]
    return seq(conv(3, 4, 3, 2, act=act), *blocks, conv(6, 8, 1, act=act), head(8))


def shuffled(x, groups):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)


class Shuffle1(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.a, self.b = conv(i, 4, 1, groups=2), conv(4, 4, 3, 2, groups=4, act=None)
        self.c = conv(4, o, 1, groups=2, act=None)

    def forward(self, x):
        out = self.c(self.b(shuffled(self.a(x), 2)))
        return F.relu(torch.cat([out, F.avg_pool2d(x, 3, stride=2, padding=1)], 1))


class Shuffle2(nn.Module):
    def __init__(self, c, s):
        super().__init__()
        half = c // 2
        self.s = s
        i = half if s == 1 else c
        self.right = seq(
            conv(i, half, 1), conv(half, half, 3, s, groups=half, act=None), conv(half, half, 1)
        )
        self.left = seq(conv(c, c, 3, s, groups=c, act=None), conv(c, half, 1))

    def forward(self, x):
        if self.s == 1:
            left, right = x.chunk(2, dim=1)
            out = torch.cat((left, self.right(right)), dim=1)
        else:
            out = torch.cat((self.left(x), self.right(x)), dim=1)
        return shuffled(out, 2)


class DualPath(nn.Module):
    def __init__(self, i, width, dense):
        super().__init__()
        self.body, self.cut = conv(i, width + dense, act=None), conv(i, width + dense, 1, act=None)
        self.d = width

    def forward(self, x):
        out, x = self.body(x), self.cut(x)
        d = self.d
        joined = torch.cat([x[:, :d] + out[:, :d], x[:, d:], out[:, d:]], 1)
        return F.relu(joined)


def aggregated():
    """Two blocks and the root that joins them, as in deep layer aggregation."""
    parts = {"a": Basic(4, 4), "b": Basic(4, 4), "root": conv(8, 4, 1, act=None), "f": conv(3, 4)}

    def forward(m, x):
        first = m.a(m.f(x))
        return m.h(F.relu(m.root(torch.cat([first, m.b(first)], 1))))

    return Net(forward, h=head(4), **parts)


class Cell(nn.Module):
    """A cell of PNASNet: separable convolutions beside max pooling."""

    def __init__(self, i, o):
        super().__init__()
        self.sep, self.down = conv(i, o, 5, 2, groups=1, act=None), conv(i, o, 1, act=None)

    def forward(self, x):
        pooled = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        return F.relu(self.sep(x) + self.down(pooled))


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


class Attention(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x):
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        weights = (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(-1)
        return x + self.out(weights @ v)


class Feed(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm, self.a, self.b = nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x):
        return x + self.b(F.gelu(self.a(self.norm(x))))


def transformer():
    def forward(m, x):
        tokens = m.patch(x).flatten(2).transpose(1, 2)
        return m.head(m.feed(m.attention(tokens)).mean(1))

    patch = nn.Conv2d(3, 6, 4, 4)
    parts = {"attention": Attention(6), "feed": Feed(6), "head": nn.Linear(6, 3)}
    return Net(forward, patch=patch, **parts)


def convnext():
    def block(m, x):
        h = m.depthwise(m.stem(x))
        h = m.norm(h.permute(0, 2, 3, 1))
        h = m.b(F.gelu(m.a(h))).permute(0, 3, 1, 2)
        return m.h(h)

    depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
    parts = {"norm": nn.LayerNorm(4), "a": nn.Linear(4, 8), "b": nn.Linear(8, 4)}
    return Net(block, stem=nn.Conv2d(3, 4, 4, 4), depthwise=depthwise, h=head(4), **parts)


def mixer():
    def forward(m, x):
        t = m.patch(x).flatten(2)
        t = t + m.token(F.gelu(m.norm(t.transpose(1, 2))).transpose(1, 2))
        return m.h(t.mean(2))

    parts = {"norm": nn.LayerNorm(5), "token": nn.Linear(16, 16), "h": nn.Linear(5, 3)}
    return Net(forward, patch=nn.Conv2d(3, 5, 4, 4), **parts)


def gated():
    return Net(lambda m, x: m.b(F.glu(m.a(x.flatten(1)))), a=nn.Linear(9, 12), b=nn.Linear(6, 3))


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
