"""Models to read: ordinary ones, and ones built so that a reader that looks at names is wrong.

`READ` holds models that must be described exactly, `REFUSED` those that must be refused, with
what the error must say. Both map a name to a function that makes the model and the shape of an
input. Many come from a table: every alias of a value, changed in place in every way.
"""

import copy
import functools
import itertools
import random
import threading
import types
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.utils.checkpoint import checkpoint


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


# --- the table: a value h, an alias of it, a change of the alias in place, and h is used ----------

ALIASES = {
    "itself": lambda h: h,
    "slice": lambda h: h[:, 1:4],
    "strided slice": lambda h: h[:, ::2],
    "ellipsis": lambda h: h[...],
    "column": lambda h: h[:, 2],
    "view": lambda h: h.view(-1, 2, 3),
    "view of the batch": lambda h: h.view(-1, 3),
    "reshape": lambda h: h.reshape(-1, 3, 2),
    "flatten": lambda h: h.flatten(1),
    "unflatten": lambda h: h.unflatten(1, (3, 2)),
    "contiguous": lambda h: h.contiguous(),
    "detach": lambda h: h.detach(),
    "data": lambda h: h.data,
    "dropout": lambda h: F.dropout(h, training=False),
    "Dropout": lambda h: nn.Dropout().eval()(h),
    "Identity": lambda h: nn.Identity()(h),
    "Flatten": lambda h: nn.Flatten()(h),
    "transpose": lambda h: h.t(),
    "permute": lambda h: h.view(-1, 2, 3).permute(0, 2, 1),
    "unsqueeze": lambda h: h.unsqueeze(1),
    "squeeze": lambda h: h.unsqueeze(2).squeeze(2),
    "chunk": lambda h: h.chunk(2, dim=1)[1],
    "split": lambda h: h.split([2, 4], dim=1)[1],
    "unbind": lambda h: h.unbind(1)[3],
    "narrow": lambda h: h.narrow(1, 2, 3),
    "select": lambda h: h.select(1, 4),
    "as_strided": lambda h: h.as_strided((h.shape[0], 2), (6, 3), 1),
    "diagonal": lambda h: h.view(-1, 2, 3).diagonal(dim1=1, dim2=2),
    "to its own type": lambda h: h.to(h.dtype),
    "view_as": lambda h: h.view_as(h),
    "movedim": lambda h: h.view(-1, 2, 3).movedim(1, 2),
    "swapaxes": lambda h: h.swapaxes(0, 1),
    "unfold": lambda h: h.unfold(1, 2, 2),
}


def assign_relu(v):
    v[...] = F.relu(v)


def add_double(v):
    v += 2 * v


CHANGES = {
    "F.relu": lambda v: F.relu(v, inplace=True),
    "relu_": lambda v: v.relu_(),
    "nn.ReLU": lambda v: nn.ReLU(inplace=True)(v),
    "leaky_relu_": lambda v: F.leaky_relu_(v, 0.2),
    "mul_": lambda v: v.mul_(-2.0),
    "clamp_": lambda v: v.clamp_(min=0),
    "neg_": lambda v: v.neg_(),
    "assignment": assign_relu,
    "iadd": add_double,
}


def changed(alias, change):
    def forward(m, x):
        h = m.a(x)
        CHANGES[change](ALIASES[alias](h))
        return m.b(h.relu() - 0.5 * h)

    return program(forward)


def twice(alias, change):
    """The alias is made first, the value changed, and the alias read."""

    def forward(m, x):
        h = m.a(x)
        v = ALIASES[alias](h)
        CHANGES[change](h)
        return m.b(h) + v.reshape(len(x), -1)[:, :1]

    return program(forward)


TABLE = {
    f"{change} on {alias}": functools.partial(changed, alias, change)
    for alias in ALIASES
    for change in CHANGES
}
PARTS = ("slice", "strided slice", "column", "chunk", "split", "unbind", "narrow", "diagonal")
CONSTANT_CHANGES = {
    "zero_": lambda v: v.zero_(),
    "fill_": lambda v: v.fill_(0.7),
    "copy_": lambda v: v.copy_(torch.tensor(-1.5)),
}
CHANGES |= CONSTANT_CHANGES
TABLE |= {
    f"{change} on {alias}": functools.partial(changed, alias, change)
    for alias in PARTS
    for change in CONSTANT_CHANGES
}
TABLE |= {
    f"alias {alias}, then {change}": functools.partial(twice, alias, change)
    for alias in ALIASES
    for change in ("relu_", "mul_")
    if alias not in ("view of the batch", "transpose", "swapaxes")  # their samples would mix
}


# --- written models -------------------------------------------------------------------------------


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
    assert str(h) and f"{h}"
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


class Remembering(nn.Module):
    """Adds what the last call computed."""

    def __init__(self):
        super().__init__()
        self.a, self.last = nn.Linear(4, 4), None

    def forward(self, x):
        h = F.relu(self.a(x))
        out = h if self.last is None else h + self.last.mean()
        self.last = h.detach()
        return out


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


def autocast(m, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return m.b(F.relu(m.a(x)))


def in_a_thread(m, h):
    thread = threading.Thread(target=lambda: h.relu_())
    thread.start()
    thread.join()
    return h


def through_shared_memory(m, h):
    array = np.zeros((len(h), 6), dtype=np.float32)
    shared = torch.from_numpy(array)
    shared.copy_(h)
    np.minimum(array, 1e30, out=array)
    return shared


class Counting(nn.Module):
    def __init__(self, until):
        super().__init__()
        self.a, self.calls, self.until = nn.Linear(4, 4), 0, until

    def forward(self, x):
        self.calls += 1
        if self.until is not None and self.calls > self.until:
            return self.a(x)
        return F.relu(self.a(x))


def hook_if_large(m, i, o):
    if o.abs().max() > 1e3:
        return 0 * o
    return None


def hook_through_numpy(m, i, o):
    return torch.from_numpy(np.minimum(o.detach().numpy(), 1e3))


def hook_in_place_through_numpy(m, i, o):
    np.minimum(o.detach().numpy(), 1e3, out=o.detach().numpy())


def hidden(function):
    """A control flow whose error the model catches."""

    def forward(m, x):
        try:
            return m.b(F.relu(m.a(x))) if function(x) else m.b(m.a(x))
        except Exception:
            return m.b(F.relu(m.a(x)))

    return program(forward)


def two_inputs():
    class TwoInputs(nn.Module):
        def forward(self, x, y):
            return x + y

    return TwoInputs()


def changes_weight(m, x):
    m.a.weight.data.mul_(0.9)
    return x


def buffer_counter(m, x):
    m.count += 1
    return x * m.count


def stored_before(m, x):
    out = x + m.store[:1]
    m.store[:] = x[:1].detach()
    return out


def user_weight():
    model = mlp(4, 6, 3)
    kept = [model]  # closures are copied with the model, lists that it does not own are not
    model[0].register_forward_hook(lambda m, i, o: (kept[0][0].weight.data.mul_(0.5), None)[1])
    return model


VECTORS = {
    "the issue's example": Issue,
    "branch of a default argument": Masked,
    "mlp": lambda: mlp(4, 8, 8, 3),
    "no bias": lambda: mlp(4, 8, 8, 3, bias=False),
    "deep": lambda: mlp(4, *[8] * 12, 2),
    "leaky": lambda: mlp(4, 8, 8, 3, act=lambda: nn.LeakyReLU(0.1)),
    "leaky with negative slope": lambda: mlp(4, 8, 3, act=lambda: nn.LeakyReLU(-0.5)),
    "in place modules": lambda: mlp(4, 8, 8, 3, act=lambda: nn.ReLU(inplace=True)),
    "ends in ReLU": lambda: nn.Sequential(mlp(4, 6, 3), nn.ReLU()),
    "linear only": lambda: nn.Linear(4, 3),
    "BatchNorm1d": lambda: nn.Sequential(mlp(4, 6), norm(6, nn.BatchNorm1d), nn.ReLU(), mlp(6, 2)),
    "norm without affine": lambda: middle(
        lambda m, h: F.relu(m.norm(h)), norm=nn.BatchNorm1d(6, affine=False)
    ),
    "nested": lambda: nn.Sequential(mlp(4, 6), nn.Sequential(nn.ReLU(), nn.Sequential(mlp(6, 2)))),
    "module list": lambda: Program(
        lambda m, x: functools.reduce(lambda h, layer: F.relu(layer(h)), m.layers, x),
        layers=nn.ModuleList([nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 2)]),
    ),
    "module dict": lambda: Program(
        lambda m, x: m.parts["b"](F.relu(m.parts["a"](x))),
        parts=nn.ModuleDict({"a": nn.Linear(4, 5), "b": nn.Linear(5, 2)}),
    ),
    "shared layer": lambda: program(lambda m, x: m.a(F.relu(m.a(F.relu(m.a(x))))), 4, 4),
    "one activation module": lambda: middle(lambda m, h: m.act(m.act(h) - 1), act=nn.ReLU()),
    "tied weights, other biases": tied,
    "tied weights, transposed": lambda: program(
        lambda m, x: F.linear(F.relu(m.a(x)), m.a.weight.t()), 4, 6
    ),
    "one weight, two biases": lambda: Program(
        lambda m, x: F.linear(F.relu(F.linear(x, m.w, m.p)), m.w, m.q),
        w=parameter(4, 4),
        p=parameter(4),
        q=parameter(4),
    ),
    "one weight, then a bias": lambda: Program(
        lambda m, x: F.linear(F.relu(F.linear(x, m.w)), m.w, m.q), w=parameter(4, 4), q=parameter(4)
    ),
    "two masked weights in one module": lambda: Program(
        lambda m, x: F.linear(F.relu(F.linear(x, m.v * m.k)), m.w * m.k),
        v=parameter(4, 4),
        w=parameter(4, 4),
        k=torch.eye(4),
    ),
    "packed weights": lambda: Program(
        lambda m, x: F.relu(x @ m.w[:, :5]) @ m.w[:, 5:].reshape(5, -1), w=parameter(4, 10)
    ),
    "residual": lambda: program(lambda m, x: x + m.b(F.relu(m.a(x))), 4, 6, 4),
    "residual in place": lambda: middle(lambda m, h: h.add_(F.relu(h))),
    "negated": lambda: middle(lambda m, h: -F.relu(-h)),
    "CReLU": lambda: program(
        lambda m, x: m.c(torch.cat([F.relu(m.a(x)), F.relu(-m.a(x))], 1)), 4, 3, 6, 2
    ),
    "cat in another order": lambda: middle(lambda m, h: torch.cat([h[:, 3:], F.relu(h[:, :3])], 1)),
    "stack": lambda: middle(lambda m, h: torch.stack([h, F.relu(h)], 1).sum(1)),
    "sum of a product": lambda: middle(lambda m, h: F.relu(h * torch.arange(6.0) / 3)),
    "sum with alpha": lambda: middle(lambda m, h: torch.add(h, F.relu(h), alpha=3)),
    "add_ with alpha": lambda: middle(lambda m, h: F.relu(h).add_(h, alpha=-0.5)),
    "constant with alpha": lambda: middle(lambda m, h: F.relu(torch.add(h, 5.0, alpha=2))),
    "tensor with alpha": lambda: middle(lambda m, h: F.relu(h.add(torch.ones(6), alpha=2))),
    "constant plus alpha times value": lambda: middle(
        lambda m, h: torch.add(torch.ones(6), F.relu(h), alpha=2)
    ),
    "sub with alpha": lambda: middle(lambda m, h: torch.sub(h, F.relu(h), alpha=2)),
    "sub_ with alpha": lambda: middle(lambda m, h: F.relu(h).sub_(h, alpha=2)),
    "rsub with alpha": lambda: middle(lambda m, h: torch.rsub(F.relu(h), h, alpha=3)),
    "number minus value": lambda: middle(lambda m, h: F.relu(1.5 - h)),
    "number minus scaled value": lambda: middle(lambda m, h: F.relu(torch.rsub(h, 1.5, alpha=2))),
    "quotient": lambda: middle(lambda m, h: F.relu(h / 3)),
    "quotient by a tensor": lambda: middle(lambda m, h: F.relu(h / (1 + torch.arange(6.0)))),
    "div without rounding": lambda: middle(
        lambda m, h: F.relu(torch.div(h, 3.0, rounding_mode=None))
    ),
    "in place arithmetic": lambda: middle(lambda m, h: h.sub_(1).mul_(2).div_(3).relu_()),
    "clamp": lambda: middle(lambda m, h: h.clamp(min=0)),
    "clamp_min": lambda: middle(lambda m, h: torch.clamp_min(h, 0)),
    "threshold": lambda: middle(lambda m, h: F.threshold(h, 0, 0)),
    "method relu": lambda: middle(lambda m, h: h.relu()),
    "addmm": lambda: Program(
        lambda m, x: torch.addmm(m.q, F.relu(x @ m.w), m.v),
        w=parameter(4, 5),
        v=parameter(5, 2),
        q=parameter(2),
    ),
    "matrix from the left": lambda: Program(
        lambda m, x: (m.v @ F.relu(m.w @ x.t())).t(), w=parameter(5, 4), v=parameter(2, 5)
    ),
    "matrix times vector": lambda: Program(
        lambda m, x: F.relu(x @ m.w) @ m.v, w=parameter(4, 5), v=parameter(5)
    ),
    "einsum": lambda: Program(
        lambda m, x: torch.einsum("bo,po->bp", F.relu(torch.einsum("bi,oi->bo", x, m.w)), m.v),
        w=parameter(5, 4),
        v=parameter(2, 5),
    ),
    "mean over features": lambda: middle(lambda m, h: F.relu(h - h.mean(1, keepdim=True))),
    "sum over features": lambda: middle(lambda m, h: F.relu(h + h.sum(-1, keepdim=True))),
    "one number": lambda: middle(
        lambda m, h: F.relu(h).sum(1, keepdim=True), 4, 6, 3, b=nn.Identity()
    ),
    "broadcast value": lambda: middle(lambda m, h: F.relu(h - h[:, :1])),
    "expanded value": lambda: middle(lambda m, h: F.relu(h[:, :1].expand(-1, 6) + h)),
    "repeat": lambda: middle(lambda m, h: F.relu(h[:, :3].repeat(1, 2))),
    "repeat_interleave": lambda: middle(lambda m, h: F.relu(h[:, :3].repeat_interleave(2, 1))),
    "flip and roll": lambda: middle(lambda m, h: F.relu(h.flip(1)).roll(2, 1)),
    "index": lambda: middle(lambda m, h: F.relu(h[:, [5, 0, 0, 3, 2, 1]])),
    "index_select": lambda: middle(
        lambda m, h: F.relu(h.index_select(1, torch.tensor([5, 1, 1, 0, 2, 2])))
    ),
    "gather": lambda: middle(
        lambda m, h: F.relu(h.gather(1, torch.tensor([[5, 1, 1, 0, 2, 2]]).expand(len(h), 6)))
    ),
    "where of a constant mask": lambda: middle(
        lambda m, h: torch.where(torch.arange(6) < 3, F.relu(h), 0.25)
    ),
    "masked_fill of a constant mask": lambda: middle(
        lambda m, h: F.relu(h).masked_fill(torch.arange(6) < 2, 1.5)
    ),
    "product with a mask": lambda: middle(lambda m, h: F.relu(h) * (torch.arange(6) < 3)),
    "written into zeros": lambda: program(written_into_zeros),
    "swapped in place": lambda: program(swap_in_place),
    "assignment by index": lambda: program(indexed_assignment),
    "assignment by mask": lambda: program(masked_assignment),
    "result written over an argument": lambda: program(out_argument),
    "set data": lambda: program(set_data),
    "input changed in place": lambda: program(lambda m, x: m.b(F.relu(m.a(x.sub_(1)))) + x[:, :3]),
    "bits unchanged": lambda: middle(
        lambda m, h: F.relu(h.double().view(torch.int64).view(torch.float64)).to(m.b.weight.dtype)
    ),
    "zeros like": lambda: middle(lambda m, h: F.relu(h + torch.ones_like(h))),
    "new tensor": lambda: middle(
        lambda m, h: F.relu(torch.cat([h[:, 1:], h.new_ones(len(h), 1)], 1))
    ),
    "tensor made in forward": lambda: middle(
        lambda m, h: F.relu(h * torch.tensor([1.0, 2, 3, 4, 5, 6.1]))
    ),
    "numpy constant": lambda: middle(
        lambda m, h: F.relu(h + torch.from_numpy(np.arange(6, dtype=np.float32)))
    ),
    "float": lambda: middle(lambda m, h: F.relu(h.float())),
    "to float32": lambda: middle(lambda m, h: F.relu(h.to(torch.float32)).type(torch.float32)),
    "double": lambda: middle(lambda m, h: F.relu(h.double()).float()),
    "float32 matrix": lambda: middle(lambda m, h: F.relu(h @ m.k), k=torch.randn(6, 6)),
    "float32 matrix made in forward": lambda: middle(lambda m, h: F.relu(h @ torch.ones(6, 6))),
    "float32 list": lambda: middle(lambda m, h: F.relu(h * m.k[0]), k=[torch.rand(6)]),
    "float32 in a closure": lambda: (lambda k: middle(lambda m, h: F.relu(F.linear(h, k))))(
        torch.randn(6, 6)
    ),
    "double model": lambda: mlp(4, 6, 3).double(),
    "half model": lambda: middle(lambda m, h: F.relu(h.half())).half(),
    "activations kept in a list": appending,
    "activation kept as attribute": lambda: used(program(buffer_of_values)),
    "cached constant": lambda: relu_net(cached_constant, grid=None),
    "error caught": lambda: program(caught),
    "printing": lambda: program(printing),
    "skip by hooks": Skip,
    "calls counted in a closure": lambda: nonlocal_counter(None),
    "calls counted in a dict": lambda: relu_net(
        lambda m, x: (m.kept.update(calls=m.kept["calls"] + 1), x)[1], kept={"calls": 0}
    ),
    "size of the batch kept": lambda: relu_net(lambda m, x: (setattr(m, "n", len(x)), x)[1], n=0),
    "inference mode": lambda: program(inference),
    "vmap": lambda: middle(lambda m, h: torch.vmap(lambda row: 2 * F.relu(row))(h)),
    "scripted": lambda: jitted(torch.jit.script),
    "traced by torch.jit": lambda: jitted(torch.jit.trace, torch.zeros(2, 4)),
    "traced by torch.fx": lambda: torch.fx.symbolic_trace(mlp(4, 6, 3)),
    "data parallel": lambda: nn.DataParallel(mlp(4, 6, 3)),
    "RNN of ReLUs": lambda: Program(
        lambda m, x: m.r(x[:, None])[0][:, 0],
        r=nn.RNN(4, 3, nonlinearity="relu", batch_first=True),
    ),
    "check for infinity": lambda: relu_net(lambda m, x: x if torch.isfinite(x).all() else 0 * x),
    "nan_to_num": lambda: middle(lambda m, h: F.relu(torch.nan_to_num(h))),
    "diag_embed": lambda: middle(lambda m, h: torch.diag_embed(F.relu(h)).sum(1)),
    "scatter": lambda: middle(
        lambda m, h: torch.zeros(len(h), 6).scatter_(
            1, torch.arange(5, -1, -1)[None].expand(len(h), 6), F.relu(h)
        )
    ),
    "outer sum": lambda: middle(lambda m, h: F.relu(h[:, :2, None] + h[:, None, :3]).flatten(1)),
    "block_diag": lambda: middle(
        lambda m, h: F.relu(h @ torch.block_diag(m.k, m.k)), k=parameter(3, 3)
    ),
    "functional_call": lambda: middle(
        lambda m, h: F.relu(torch.func.functional_call(m.c, {"weight": 2 * m.c.weight}, (h,))),
        c=nn.Linear(6, 6),
    ),
    "calls counted": lambda: used(Counting(None)),
    "counter that nothing reads": lambda: relu_net(
        counting_buffer, count=nn.Buffer(torch.zeros(1))
    ),
    "random but unused": lambda: relu_net(lambda m, x: (torch.rand(3), x)[1]),
    "check for NaN values unread": lambda: relu_net(lambda m, x: (torch.isnan(x), x)[1]),
    "check for NaN": lambda: relu_net(lambda m, x: x if not torch.isnan(x).any() else 0 * x),
    "trained mode only": lambda: relu_net(
        lambda m, x: x + torch.randn_like(x) if m.training else x
    ),
    "train mode": no_parameter_gradients,
    "constant control flow": lambda: relu_net(
        lambda m, x: -x if m.k.sum() > 0 else x, k=torch.ones(3)
    ),
    "control flow on shapes": lambda: relu_net(lambda m, x: x if x.shape[1] == 4 else 0 * x),
    "loop over features": lambda: middle(
        lambda m, h: torch.stack([F.relu(c) for c in h.unbind(1)], dim=1)
    ),
    "weight made in forward": lambda: Program(
        lambda m, x: F.relu(F.linear(x, m.w / m.w.norm(dim=1, keepdim=True))), w=parameter(5, 4)
    ),
    "no_grad inside": lambda: middle(lambda m, h: torch.no_grad()(F.relu)(h)),
    "checkpoint": lambda: middle(lambda m, h: checkpoint(F.relu, h, use_reentrant=False)),
    "own function": lambda: middle(lambda m, h: Straight.apply(h)),
    "subclass of ReLU": lambda: nn.Sequential(nn.Linear(4, 6), Cap(), nn.Linear(6, 3)),
    "subclass of Linear": lambda: nn.Sequential(MaskedLinear(4, 6), nn.ReLU(), MaskedLinear(6, 3)),
    "replaced forward": replaced_forward,
    "bound forward": bound_forward,
    "partial": lambda: middle(
        lambda m, h: m.act(h), act=functools.partial(F.leaky_relu, negative_slope=0.3)
    ),
    "called forward": lambda: program(lambda m, x: m.b.forward(F.relu(m.a.forward(x)))),
    "pruned and used": pruned,
    "parametrized": parametrized,
    "weight_norm": lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 6)), nn.ReLU()),
    "spectral_norm": lambda: nn.Sequential(
        parametrizations.spectral_norm(nn.Linear(4, 6)), nn.ReLU()
    ),
    "old weight_norm": lambda: used(
        nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 6)), nn.ReLU())
    ),
    "hook that adds": lambda: with_hook(lambda m, i, o: o + 1),
    "hook that adds in place": lambda: with_hook(lambda m, i, o: (o.add_(1), None)[1]),
    "hook that rectifies in place": lambda: with_hook(lambda m, i, o: (o.relu_(), None)[1], part=4),
    "hook that replaces": lambda: with_hook(lambda m, i, o: F.leaky_relu(o, 0.5), part=1),
    "hook that looks": lambda: with_hook(lambda m, i, o: None),
    "hook on the input": lambda: with_hook(
        lambda m, i: (i[0] - 2,), "register_forward_pre_hook", 1
    ),
    "hook with keywords": lambda: with_hook(
        lambda m, a, k, o: 2 * o, "register_forward_hook", 2, with_kwargs=True
    ),
    "hook that keeps": lambda: used(with_hook(lambda m, i, o: setattr(m, "kept", o))),
    "cast down and up again in a hook that looks": lambda: with_hook(
        lambda m, i, o: setattr(m, "kept", o.half())
    ),
    "statistics in a hook that looks": lambda: with_hook(
        lambda m, i, o: setattr(m, "kept", (o.std(), o.abs().max(), o > 0))
    ),
}

IMAGES = {
    "lenet": lambda: (lenet(), (1, 12, 12)),
    "resnet": lambda: (
        Program(
            lambda m, x: m.head(m.blocks(x).mean((2, 3))),
            blocks=nn.Sequential(Block(2, 2, 1), Block(2, 4, 2)),
            head=nn.Linear(4, 3),
        ),
        (2, 6, 6),
    ),
    "Normalize with plain tensors": lambda: (
        image(Normalize(), nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2)),
        (2, 6, 6),
    ),
    "densely connected": lambda: conv_then(
        dense, d1=nn.Conv2d(3, 2, 3, padding=1), d2=nn.Conv2d(5, 2, 1)
    ),
    "channels shuffled": lambda: conv_then(shuffle, width=4, depth=nn.Conv2d(4, 4, 3, groups=4)),
    "dilated and strided": lambda: conv_then(
        lambda m, h: m.c(h), c=nn.Conv2d(3, 2, (3, 2), (2, 1), (2, 1), (2, 1))
    ),
    "same padding": lambda: conv_then(
        lambda m, h: m.c(h), c=nn.Conv2d(3, 2, (3, 5), padding="same", dilation=(1, 2))
    ),
    "padding that differs by one": lambda: conv_then(
        lambda m, h: F.conv2d(F.pad(h, (1, 2, 1, 2)), m.k), k=parameter(2, 3, 4, 4)
    ),
    "circular padding": lambda: conv_then(
        lambda m, h: m.c(h), c=nn.Conv2d(3, 2, 3, padding=1, padding_mode="circular")
    ),
    "reflected padding": lambda: conv_then(
        lambda m, h: m.c(h), c=nn.Conv2d(3, 2, 3, padding=1, padding_mode="reflect")
    ),
    "constant padding": lambda: conv_then(
        lambda m, h: F.relu(F.pad(h, (1, 2, 0, 1), value=3.0) - 1)
    ),
    "replicated padding": lambda: conv_then(lambda m, h: F.pad(h, (1, 2, 0, 1), mode="replicate")),
    "cropped": lambda: conv_then(lambda m, h: F.relu(F.pad(h, (-1, 0, 0, -1)) - 1)),
    "average pooling": lambda: conv_then(
        lambda m, h: F.avg_pool2d(h, 3, 2, 1, True, False), width=2
    ),
    "adaptive pooling": lambda: conv_then(lambda m, h: F.adaptive_avg_pool2d(h, (4, None))),
    "mean over one axis": lambda: conv_then(lambda m, h: F.relu(h.mean(2) - 0.3)),
    "mean over channels": lambda: conv_then(lambda m, h: F.relu(h - h.mean(1, keepdim=True))),
    "sum over space": lambda: conv_then(lambda m, h: h.sum((2, 3))),
    "pixel shuffle": lambda: conv_then(lambda m, h: F.relu(F.pixel_shuffle(h, 2) - 0.1), width=4),
    "nearest upsampling": lambda: conv_then(
        lambda m, h: F.relu(F.interpolate(h, scale_factor=2) - 1)
    ),
    "channels last": lambda: conv_then(
        lambda m, h: m.l(h.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)),
        l=nn.Linear(3, 2),
    ),
    "channels changed in place": lambda: conv_then(
        lambda m, h: (h[:, 1].sub_(1), h[:, 0].neg_(), F.relu(h, inplace=True), h)[3]
    ),
    "patches": lambda: conv_then(
        lambda m, h: F.relu(m.l(F.unfold(h, 2, stride=2).transpose(1, 2))), l=nn.Linear(12, 3)
    ),
    "unbatched style": lambda: conv_then(lambda m, h: m.l(h.flatten(2)), l=nn.Linear(36, 2)),
    "one dimension": lambda: (
        image(
            nn.Conv1d(2, 4, 3, 2, 2, 2, 2),
            nn.LeakyReLU(0.3),
            norm(4, nn.BatchNorm1d),
            nn.AvgPool1d(2, ceil_mode=True),
            nn.AdaptiveAvgPool1d(2),
            nn.Flatten(),
            nn.Linear(8, 2),
        ),
        (2, 11),
    ),
    "tokens": lambda: (
        Program(mixer, a=nn.Linear(4, 5), tokens=nn.Linear(5, 4), channels=nn.Linear(6, 3)),
        (24,),
    ),
    "linear on rows": lambda: (
        Program(lambda m, x: m.b(F.relu(m.a(x))), a=nn.Linear(3, 4), b=nn.Linear(4, 2)),
        (5, 3),
    ),
    "time first": lambda: (
        Program(
            lambda m, x: m.b(F.relu(m.a(x.transpose(0, 1)))).transpose(0, 1),
            a=nn.Linear(3, 4),
            b=nn.Linear(4, 2),
        ),
        (5, 3),
    ),
    "constant matrix over tokens": lambda: (
        Program(lambda m, x: F.relu(m.k @ F.relu(x @ m.w)), k=parameter(4, 5), w=parameter(3, 2)),
        (5, 3),
    ),
    "padded shortcut": lambda: conv_then(
        lambda m, h: m.c(h).add_(F.pad(h[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))).relu_(),
        c=nn.Conv2d(3, 5, 3, 2, 1),
    ),
}


def plain(make):
    return lambda: (make(), (4,))


READ = {name: plain(make) for name, make in {**TABLE, **VECTORS}.items()} | IMAGES
READ["the issue's example"] = lambda: (Issue(), (2,))
READ["one number"] = lambda: (program(lambda m, x: F.relu(m.a(x)).sum(1, keepdim=True)), (4,))


# --- models that must be refused ------------------------------------------------------------------


def of(act):
    return lambda: middle(lambda m, h: act(h))


NAMED = {
    "Tanh": (nn.Tanh, "Tanh.*not piecewise linear"),
    "GELU": (nn.GELU, "GELU.*not piecewise linear"),
    "Sigmoid": (nn.Sigmoid, "Sigmoid.*not piecewise linear"),
    "ELU": (nn.ELU, "ELU.*not piecewise linear"),
    "SELU": (nn.SELU, "SELU.*not piecewise linear"),
    "SiLU": (nn.SiLU, "SiLU.*not piecewise linear"),
    "Softplus": (nn.Softplus, "Softplus.*not piecewise linear"),
    "Softmax": (lambda: nn.Softmax(1), "Softmax.*not piecewise linear"),
    "LayerNorm": (lambda: nn.LayerNorm(6), "LayerNorm.*not piecewise linear"),
    "GroupNorm": (lambda: nn.GroupNorm(2, 6), "GroupNorm.*not piecewise linear"),
    "PReLU": (nn.PReLU, "PReLU.*is piecewise linear, but"),
    "ReLU6": (nn.ReLU6, "ReLU6.*is piecewise linear, but"),
    "Hardtanh": (nn.Hardtanh, "Hardtanh.*is piecewise linear, but"),
    "batch statistics": (
        lambda: nn.BatchNorm1d(6, track_running_stats=False),
        "track_running_stats=True",
    ),
    "quantised": (lambda: Program(lambda m, x: x.round()), "round.*jumps"),
}

REFUSED = {
    name: (lambda act=act: nn.Sequential(nn.Linear(4, 6), act(), nn.Linear(6, 3)), (4,), message)
    for name, (act, message) in NAMED.items()
}

WRITTEN = {
    "branch on the sum": (lambda: relu_net(lambda m, x: x if x.sum() > 0 else -x), "control flow"),
    "branch on an item": (
        lambda: relu_net(lambda m, x: x * (x.max().item() < 1e3)),
        "control flow",
    ),
    "branch on a norm": (
        lambda: relu_net(lambda m, x: x if x.norm() < 1e3 else -x),
        "control flow",
    ),
    "branch that is caught": (lambda: hidden(lambda x: x.sum() < 1e3), "control flow"),
    "branch by equal": (lambda: hidden(lambda x: not torch.equal(x, x + 1)), "control flow"),
    "branch by allclose": (lambda: hidden(lambda x: torch.allclose(x, x)), "control flow"),
    "branch by index": (lambda: relu_net(lambda m, x: (x, -x)[int(x.sum() > 1e3)]), "control flow"),
    "selected rows": (lambda: relu_net(lambda m, x: x[x[:, 0] < 1e3]), "control flow|jumps"),
    "nonzero": (lambda: hidden(lambda x: len((x > 1e3).nonzero()) == 0), "control flow"),
    "through numpy": (
        lambda: middle(lambda m, h: torch.from_numpy(np.maximum(h.detach().numpy(), 0))),
        "'numpy'.*control flow",
    ),
    "through an array": (
        lambda: middle(lambda m, h: torch.from_numpy(np.maximum(np.asarray(h.detach()), 0))),
        "'__array__'.*control flow",
    ),
    "through a list": (
        lambda: middle(lambda m, h: torch.tensor(h.tolist()).relu()),
        "'tolist'.*control flow",
    ),
    "comparison": (lambda: middle(lambda m, h: torch.where(h > 0, h, 0.1 * h)), "'gt_?.*jumps|gt"),
    "product with its sign": (lambda: middle(lambda m, h: h * (h > 0)), "gt"),
    "square": (lambda: middle(lambda m, h: h * h), "multiplies two values"),
    "power": (lambda: middle(lambda m, h: h**2), "pow.*not piecewise"),
    "quotient of values": (lambda: middle(lambda m, h: h / (1 + h)), "divides by a value"),
    "attention": (lambda: middle(lambda m, h: h @ h.t() @ h), "multiplies two values"),
    "absolute value": (lambda: middle(lambda m, h: h.abs()), "abs.*is piecewise linear, but"),
    "maximum": (lambda: middle(lambda m, h: torch.maximum(h, -h)), "maximum.*is piecewise linear"),
    "clamp on both sides": (lambda: middle(lambda m, h: h.clamp(0, 1e3)), "clamps to"),
    "clamp in place": (lambda: middle(lambda m, h: h.clamp_(max=1e3)), "clamps to"),
    "floor division": (lambda: middle(lambda m, h: torch.relu(h // 1)), "floor_divide.*jumps"),
    "div with rounding": (
        lambda: middle(lambda m, h: torch.div(h, 3, rounding_mode="floor")),
        "rounding_mode='floor'",
    ),
    "div with truncation": (
        lambda: middle(lambda m, h: torch.div(h, 3, rounding_mode="trunc")),
        "rounding_mode='trunc'",
    ),
    "half precision": (lambda: middle(lambda m, h: F.relu(h.half()).float()), "casts.*float16"),
    "bfloat16": (lambda: middle(lambda m, h: F.relu(h.bfloat16()).float()), "casts.*bfloat16"),
    "integers": (lambda: middle(lambda m, h: h.int().float()), "casts.*int32"),
    "mean of all": (lambda: middle(lambda m, h: F.relu(h - h.mean())), "mixes samples"),
    "mean over the batch": (lambda: middle(lambda m, h: F.relu(h - h.mean(0))), "mixes samples"),
    "sum of all": (lambda: middle(lambda m, h: h + h.sum()), "mixes samples"),
    "loop over samples": (
        lambda: middle(lambda m, h: torch.stack([F.relu(r) for r in h])),
        "relu.*only some",
    ),
    "flipped batch": (lambda: middle(lambda m, h: F.relu(h).flip(0)), "samples"),
    "first sample": (lambda: middle(lambda m, h: F.relu(h - h[:1])), "samples"),
    "first sample, unbatched": (lambda: middle(lambda m, h: F.relu(h[0])), "samples"),
    "product over the batch": (
        lambda: middle(lambda m, h: torch.ones(6, 1) @ h[:, :1].t() @ h),
        "multiplies|samples",
    ),
    "batch as features": (
        lambda: middle(lambda m, h: F.relu(h.reshape(6, -1)).reshape(-1, 6)),
        "samples|batch",
    ),
    "dropout": (lambda: middle(lambda m, h: F.dropout(h)), "random even in eval"),
    "noise": (lambda: middle(lambda m, h: h + 1e-12 * torch.randn(6)), "random even in eval"),
    "noise like": (lambda: middle(lambda m, h: h + torch.rand_like(h)), "random even in eval"),
    "random order": (lambda: middle(lambda m, h: h[:, torch.randperm(6)]), "random even in eval"),
    "random branch": (lambda: middle(lambda m, h: h if torch.rand(1) < 0.99 else -h), "random"),
    "Python's generator": (
        lambda: middle(lambda m, h: h if random.random() < 0.99 else -h),
        "random",
    ),
    "NumPy's generator": (
        lambda: middle(lambda m, h: h if np.random.rand() < 0.99 else -h),  # noqa: NPY002
        "numpy.random",
    ),
    "rrelu": (lambda: middle(lambda m, h: F.rrelu(h, training=True)), "random|piecewise"),
    "state of the last call": (Remembering, "two runs|control flow|mixes"),
    "counter with a branch, soon": (lambda: Counting(1), "two runs"),
    "counter with a branch, later": (lambda: Counting(1000), "calls"),
    "counter in a closure": (lambda: nonlocal_counter(1000), "hooks.*calls"),
    "counter in a dict": (
        lambda: relu_net(
            lambda m, x: (m.k.update(n=m.k["n"] + 1), x if m.k["n"] < 1000 else -x)[1], k={"n": 0}
        ),
        "k.n",
    ),
    "branch on the number type": (
        lambda: middle(lambda m, h: F.relu(h) if h.dtype == torch.float32 else h),
        "two runs.*number type",
    ),
    "branch on the size of the batch": (
        lambda: middle(lambda m, h: F.relu(h) if len(h) % 2 else h),
        "two runs.*size",
    ),
    "autocast": (lambda: program(autocast), "casts.*bfloat16"),
    "in a thread": (lambda: middle(in_a_thread), "threads"),
    "through shared memory": (lambda: middle(through_shared_memory), "shared with NumPy"),
    "through dlpack": (lambda: middle(lambda m, h: torch.from_dlpack(h).relu_()), "dlpack"),
    "deepcopy": (lambda: middle(lambda m, h: F.relu(copy.deepcopy(h))), "deepcopy"),
    "storage": (lambda: middle(lambda m, h: (h.untyped_storage().fill_(0), h)[1]), "storage"),
    "mask of values": (lambda: middle(lambda m, h: h.masked_fill_(h < 0, 0)), "lt.*jumps"),
    "norm in training": (
        lambda: middle(lambda m, h: (m.n.train(), m.n(h))[1], n=nn.BatchNorm1d(6)),
        "track_running_stats=True",
    ),
    "attention module": (
        lambda: Program(
            lambda m, x: m.r(x[:, None], x[:, None], x[:, None])[0],
            r=nn.MultiheadAttention(4, 2, batch_first=True),
        ),
        "MultiheadAttention",
    ),
    "counter in a buffer": (
        lambda: relu_net(buffer_counter, count=nn.Buffer(torch.ones(1))),
        "changes a tensor that the model keeps",
    ),
    "values stored in a buffer": (
        lambda: relu_net(stored_before, store=nn.Buffer(torch.zeros(1, 4))),
        "two runs|differ",
    ),
    "weight that decays": (lambda: relu_net(changes_weight), "changes a tensor|two runs"),
    "weight of the user's model": (user_weight, "of the model that was given"),
    "hook that branches": (lambda: with_hook(hook_if_large), "control flow"),
    "hook that branches, on a ReLU": (lambda: with_hook(hook_if_large, part=1), "control flow"),
    "hook through numpy": (lambda: with_hook(hook_through_numpy), "'numpy'"),
    "hook in place through numpy": (lambda: with_hook(hook_in_place_through_numpy), "'numpy'"),
    "hook that clamps": (lambda: with_hook(lambda m, i, o: o.clamp(max=1e3)), "clamps to"),
    "hook that clamps in place": (
        lambda: with_hook(lambda m, i, o: (o.clamp_(max=1e3), None)[1]),
        "clamps to",
    ),
    "hook on the input that branches": (
        lambda: with_hook(
            lambda m, i: (0 * i[0],) if i[0].max() > 1e3 else None, "register_forward_pre_hook"
        ),
        "control flow",
    ),
    "hook that rounds": (lambda: with_hook(lambda m, i, o: o.round(decimals=9)), "round"),
    "two inputs": (two_inputs, "cannot be run"),
    "a tuple": (lambda: Program(lambda m, x: (x, x)), "returns a tuple"),
    "constant output": (lambda: Program(lambda m, x: torch.ones(len(x), 2)), "does not depend"),
    "sparse": (lambda: middle(lambda m, h: h.to_sparse().to_dense()), "sparse|follow|layout"),
    "complex": (
        lambda: middle(lambda m, h: torch.view_as_complex(h.view(-1, 3, 2)).abs().repeat(1, 2)),
        "abs|complex",
    ),
    "bits": (lambda: middle(lambda m, h: (h.view(torch.int32) & ~1).view(h.dtype)), "bitwise_and"),
    "sorted": (lambda: middle(lambda m, h: h.sort(1).values), "sort.*is piecewise linear"),
    "LSTM": (lambda: Program(lambda m, x: m.r(x[:, None])[0], r=nn.LSTM(4, 3)), "LSTM"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(6), nn.ReLU()), "no values yet"),
    "generator kept": (
        lambda: Program(lambda m, x: x, g=(i for i in range(3))),
        "cannot be copied",
    ),
}
REFUSED |= {name: (make, (4,), message) for name, (make, message) in WRITTEN.items()}

IMAGE_REFUSALS = {
    "max pooling": (lambda m, h: F.max_pool2d(h, 2), "average pooling"),
    "adaptive max pooling": (lambda m, h: F.adaptive_max_pool2d(h, 2), "average pooling"),
    "bilinear upsampling": (lambda m, h: F.interpolate(h, scale_factor=2, mode="bilinear"), "form"),
    "transposed convolution": (lambda m, h: F.conv_transpose2d(h, m.k), "transposed"),
    "instance norm": (lambda m, h: F.instance_norm(h), "statistics"),
    "own divisor": (lambda m, h: F.avg_pool2d(h, 2, divisor_override=3), "divisor_override"),
    "sum with scatter": (
        lambda m, h: h.index_add(1, torch.tensor([0]), h[:, :1]),
        "index_add",
    ),
}
REFUSED |= {
    name: (
        lambda f=function: conv_then(f, k=parameter(3, 2, 2, 2))[0],
        (2, 6, 6),
        message,
    )
    for name, (function, message) in IMAGE_REFUSALS.items()
}
