"""Parts of the models that are read in the tests of reading."""

import itertools
import types
import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize, prune


class Program(nn.Module):
    """A model whose forward pass is a function of itself and its input."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def program(function, *sizes, **parts):
    """Make a model with Linear layers a, b, ... of these sizes; 4-6-3 if there are none."""
    sizes = sizes or (4, 6, 3)
    layers = {"abcdefg"[i]: nn.Linear(*sizes[i : i + 2]) for i in range(len(sizes) - 1)}
    return Program(function, **layers, **parts)


def parameter(*shape):
    return nn.Parameter(torch.randn(*shape))


class Masked(nn.Module):
    """The branch taken depends on an argument that users leave out."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x, mask=None, *, scale=2.0):
        h = self.a(x) * scale
        h = torch.relu(h) if mask is None else torch.relu(h * mask)
        return self.b(h)


class Issue(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 1), nn.Linear(1, 1)
        self.a.weight.data = torch.tensor([[1.0, 0.0]])
        self.a.bias.data[:] = 20.0

    def forward(self, x):
        h = self.a(x)
        F.relu(h, inplace=True)
        return self.b(h)


class Normalize(nn.Module):
    """Plain float32 tensors, as torchvision's transform keeps them."""

    def __init__(self):
        super().__init__()
        self.mean = torch.tensor([0.4914, 0.4822]).view(1, 2, 1, 1)
        self.std = torch.tensor([0.2023, 0.1994]).view(1, 2, 1, 1)

    def forward(self, x):
        return (x - self.mean) / self.std


class Cap(nn.ReLU):
    """A subclass that is no ReLU."""

    def forward(self, x):
        return x - F.relu(x - 1)


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        return g


class MaskedLinear(nn.Linear):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.register_buffer("mask", (torch.rand(self.weight.shape) < 0.5).float())

    def forward(self, x):
        return F.linear(x, self.weight * self.mask, self.bias)


class Positive(nn.Module):
    def forward(self, w):
        return w.abs()


class Block(nn.Module):
    def __init__(self, fan_in, fan_out, stride):
        super().__init__()
        self.c1, self.n1 = nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False), norm(fan_out)
        self.c2, self.n2 = nn.Conv2d(fan_out, fan_out, 3, 1, 1, bias=False), norm(fan_out)
        self.skip = nn.Sequential()
        if stride != 1:
            self.skip = nn.Sequential(nn.Conv2d(fan_in, fan_out, 1, stride), norm(fan_out))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.n2(self.c2(self.relu(self.n1(self.c1(x)))))
        y += self.skip(x)
        return self.relu(y)


def norm(channels, kind=nn.BatchNorm2d):
    layer = kind(channels)
    layer.running_mean.uniform_(-1, 1)
    layer.running_var.uniform_(0.5, 2)
    nn.init.uniform_(layer.weight, -1, 1)
    nn.init.uniform_(layer.bias, -1, 1)
    return layer


def mlp(*sizes, act=nn.ReLU, **options):
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out, **options), act()]
    return nn.Sequential(*layers[:-1])


def relu_net(function, *sizes, **parts):
    """b(relu(a(...))), with `function(m, x)` before, for what happens outside the layers."""
    return program(lambda m, x: m.b(torch.relu(m.a(function(m, x)))), *sizes, **parts)


def middle(function, *sizes, **parts):
    """b(function(a(x)))."""
    return program(lambda m, x: m.b(function(m, m.a(x))), *sizes, **parts)


def with_hook(hook, kind="register_forward_hook", part=0, **options):
    model = mlp(4, 6, 5, 3)
    getattr(model[part], kind)(hook, **options)
    return model


def used(model, shape=(4,)):
    """Return the model after a forward pass with gradients."""
    model(torch.randn(2, *shape))
    return model


def appending():
    def forward(m, x):
        h = m.a(x)
        m.kept.append(h)
        m.by_name["h"] = h
        return m.b(F.relu(h))

    return used(program(forward, kept=[], by_name={}))


def written_into_zeros(m, x):
    out = torch.zeros(x.shape[0], 6)
    out[:, :3] = F.relu(m.a(x))[:, :3]
    out[:, 4] = x[:, 0]
    out[:, 5] = 7.0
    return m.b(out)


def swap_in_place(m, x):
    h = m.a(x).clone()
    left = h[:, :3].clone()
    h[:, :3] = h[:, 3:]
    h[:, 3:] = left.relu_()
    return m.b(h)


def indexed_assignment(m, x):
    h = m.a(x)
    h[:, torch.tensor([4, 1])] = F.relu(h[:, [0, 5]])
    return m.b(h)


def masked_assignment(m, x):
    h = F.relu(m.a(x))
    h[:, torch.tensor([True, False, True, False, False, False])] = 0.5
    return m.b(h)


def out_argument(m, x):
    h = m.a(x)
    torch.add(h, 1.0, out=h)
    return m.b(F.relu(h))


def set_data(m, x):
    h = m.a(x)
    h.data = F.relu(h)
    return m.b(h)


def cached_constant(m, x):
    if m.grid is None:
        m.grid = torch.arange(4.0) / 4
    return x + m.grid


def caught(m, x):
    try:
        h = m.a(x)[:, :99].view(-1, 77)
    except RuntimeError:
        h = m.a(x)
    return m.b(F.relu(h))


def printing(m, x):
    h = m.a(x)
    assert str(m.a.bias) and f"{h.shape} {m.a.weight[0, 0]:.3f}"
    return m.b(F.relu(h))


def counting_buffer(m, x):
    m.count += 1
    return x


def buffer_of_values(m, x):
    h = m.a(x)
    m.store = h
    F.relu_(m.store)
    return m.b(h)


def replaced_forward():
    model = mlp(4, 6, 3)
    first, last = model[0], model[2]
    model.forward = lambda x: last(F.leaky_relu(first(x), 0.3))
    return model


def bound_forward():
    model = mlp(4, 6, 3)
    model.forward = types.MethodType(lambda self, x: self[2](F.relu(self[0](x - 1))), model)
    return model


def pruned():
    model = mlp(4, 6, 3)
    prune.l1_unstructured(model[0], "weight", 0.5)
    return used(model)


def parametrized():
    model = mlp(4, 6, 3)
    parametrize.register_parametrization(model[0], "weight", Positive())
    return model


def tied():
    model = program(lambda m, x: m.b(F.relu(m.a(x))), 4, 4, 4)
    model.b.weight = model.a.weight
    return model


def no_parameter_gradients():
    model = mlp(4, 6, 3)
    return model.requires_grad_(False).train()


def image(*layers):
    return nn.Sequential(*layers)


def conv_then(function, shape=(2, 6, 6), width=3, **parts):
    """function(relu(conv(x))), for operations on images."""
    conv = nn.Conv2d(shape[0], width, 3, padding=1)
    return Program(lambda m, x: function(m, F.relu(m.conv(x))), conv=conv, **parts), shape


def lenet():
    layers = [nn.Conv2d(1, 3, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(3, 4, 5)]
    layers += [nn.ReLU(True), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 12), nn.ReLU(True)]
    return image(*layers, nn.Dropout(), nn.Linear(12, 10))


def dense(m, h):
    for layer in (m.d1, m.d2):
        h = torch.cat([h, F.relu(layer(h))], dim=1)
    return h.mean((2, 3))


def shuffle(m, h):
    b, c, height, width = h.shape
    h = h.view(b, 2, c // 2, height, width).transpose(1, 2).contiguous()
    return m.depth(h.view(b, -1, height, width))


def mixer(m, x):
    h = x.view(-1, 4, 6)
    h = h + m.tokens(F.relu(m.a(h.transpose(1, 2)))).transpose(1, 2)
    return F.relu(m.channels(h)).mean(1)


class Skip(nn.Module):
    """Hooks hand a value on, one through a closure."""

    def __init__(self):
        super().__init__()
        self.a, self.c, self.found = nn.Linear(4, 6), nn.Linear(18, 3), {}
        self.a.register_forward_hook(lambda m, i, o: self.found.update(a=o))
        self.a.register_forward_hook(self.keep)

    def keep(self, module, args, out):
        self.kept = out

    def forward(self, x):
        h = F.relu(self.a(x))
        return self.c(torch.cat([h, self.found["a"], self.kept], 1))


def nonlocal_counter(until):
    """A hook whose closure counts."""
    model, calls = mlp(4, 6, 3), 0

    def hook(module, args, out):
        nonlocal calls
        calls += 1
        return out + 1 if until is not None and calls > until else out

    model[0].register_forward_hook(hook)
    return model


def jitted(how, *example):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return how(mlp(4, 6, 3), *example)


def inference(m, x):
    with torch.inference_mode():
        return m.b(F.relu(m.a(x)))


class Counting(nn.Module):
    def __init__(self, until):
        super().__init__()
        self.a, self.calls, self.until = nn.Linear(4, 4), 0, until

    def forward(self, x):
        self.calls += 1
        if self.until is not None and self.calls > self.until:
            return self.a(x)
        return F.relu(self.a(x))
