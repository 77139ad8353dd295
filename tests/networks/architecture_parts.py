"""Parts and whole networks of which the small relatives of architectures are made."""

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


class Attention(nn.Module):
    def __init__(self, d, cosine=False):
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.cosine = cosine

    def forward(self, x):
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        if self.cosine:
            q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
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


def windowed(cosine=False):
    """Attention within windows, which are samples of a batch to it."""

    def forward(m, x):
        tokens = m.patch(x).permute(0, 2, 3, 1)
        size, d = (len(x), 2, 2, 2, 2), tokens.shape[-1]
        windows = tokens.reshape(*size, d).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, d)
        found = m.attention(windows).reshape(*size, d).permute(0, 1, 3, 2, 4, 5)
        return m.head(m.feed(found.reshape(tokens.shape)).mean((1, 2)))

    parts = {"attention": Attention(6, cosine), "feed": Feed(6), "head": nn.Linear(6, 3)}
    return Net(forward, patch=nn.Conv2d(3, 6, 4, 4), **parts)


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
