"""Models that keep something from call to call, or that share something with their copies.

`HARMLESS` must be read exactly, and left as they are; `STATEFUL` must be refused.
"""

import collections
import functools
import itertools
import random
import types
import warnings
import weakref

import numpy as np
import torch
import torch.nn.functional as F
from model_parts import mlp, program, relu_net
from torch import nn

SEEN, CALLS = {}, {"n": 0}
SETTINGS = types.ModuleType("settings_of_a_user")
SETTINGS.n = 0


class Statistics:
    """An object of a user's own class."""

    def __init__(self):
        self.n = 0


STATE = Statistics()


class Classwide(nn.Module):
    calls, shapes = 0, []

    def __init__(self, until):
        super().__init__()
        self.a, self.until = nn.Linear(4, 3), until

    def forward(self, x):
        self.shapes.append(tuple(x.shape))
        if self.until is not None:
            type(self).calls += 1
            if type(self).calls > self.until:
                return self.a(x)
        return F.relu(self.a(x))


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 3)
        self.n: int = 0

    def forward(self, x):
        self.n += 1
        if self.n > 1000:
            return self.a(x)
        return F.relu(self.a(x))


class Child(nn.Module):
    def __init__(self, parent):
        super().__init__()
        self.parent = weakref.ref(parent)

    def forward(self, x):
        parent = self.parent()
        assert parent is not None
        parent.n += 1
        return parent.b(x)


class Parent(nn.Module):
    """A module that its own part refers to, by a reference that copies share."""

    def __init__(self):
        super().__init__()
        self.n, self.a, self.b = 0, nn.Linear(4, 6), nn.Linear(6, 3)
        self.c = Child(self)

    def forward(self, x):
        return self.c(F.relu(self.a(x)))


class Silent(nn.Sequential):
    """Methods that forget to return the module."""

    def train(self, mode=True):
        super().train(mode)

    def to(self, *args, **kwargs):
        super().to(*args, **kwargs)


class OfThatName(nn.Module):
    """An attribute called as torch.compile calls it."""

    def __init__(self):
        super().__init__()
        self._orig_mod = mlp(4, 6, 3)

    def forward(self, x):
        return F.relu(self._orig_mod(x))


class Delegating(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = OfThatName()

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.inner, name)

    def forward(self, x):
        return F.relu(1 - self.inner(x))


class NotCopied(nn.Linear):
    def __deepcopy__(self, memo):
        return self


def listed(until):
    """Functions in a list, over the module that holds them."""
    model = program(lambda m, x: m.acts[1](m.acts[0](x)), n=0)

    def act(x):
        model.n += 1
        return F.relu(model.a(x)) if until is None or model.n < until else model.a(x)

    model.acts = [act, lambda h: model.b(h)]
    return model


def partial_hook(until):
    model = mlp(4, 6, 3)
    model.n = 0

    def hook(_, module, args, out):
        model.n += 1
        return out if until is None or model.n < until else -out

    model[0].register_forward_hook(functools.partial(hook, None))
    return model


def recording():
    """Hooks that keep activations in a global dict, and in a dict and a list of a closure."""
    model, kept, means = mlp(4, 6, 3), {}, []
    model[0].register_forward_hook(lambda m, i, o: SEEN.update(a=o.detach()))
    model[1].register_forward_hook(lambda m, i, o: kept.update(b=o))
    model[2].register_forward_hook(lambda m, i, o: means.append(o.mean()))
    return model


def cached_by_size(m, x):
    if len(x) not in m.cache:
        m.cache[len(x)] = torch.ones(len(x), 1)
    return x + m.cache[len(x)]


def kept_last(m, x):
    m.kept.append(F.relu(m.a(x)))
    return m.b(m.kept[-1])


def counted(m, x):
    CALLS["n"] += 1
    return x


def scripted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(Scripted())


HARMLESS = {
    "object that counts": lambda: relu_net(
        lambda m, x: (setattr(m.s, "n", m.s.n + 1), x)[1], s=Statistics()
    ),
    "list of the class": lambda: Classwide(None),
    "calls counted in a global variable": lambda: relu_net(counted),
    "activations recorded outside": recording,
    "cached by the size of the batch": lambda: relu_net(cached_by_size, cache={}),
    "sizes seen": lambda: relu_net(lambda m, x: (m.s.add(len(x)), x)[1], s=set()),
    "last item of a growing list": lambda: program(kept_last, kept=[]),
    "functions in a list": lambda: listed(None),
    "hook that is partial": lambda: partial_hook(None),
    "weak reference": Parent,
    "methods that return nothing": lambda: Silent(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)),
    "attribute called _orig_mod": OfThatName,
    "delegation to _orig_mod": Delegating,
    "number that is NaN": lambda: relu_net(lambda m, x: x, best=float("nan")),
    "identity": nn.Identity,
}


def before_write(m, x):
    out = torch.where(m.count > 1000, -x, x)
    m.count += 1
    return out


def bound_anew(m, x):
    m.count = m.count + 1
    return torch.where(m.count > 1000, -x, x)


def stale(m, x):
    out = torch.where(m.kept["a"].abs().max() > 1e9, -x, x)
    m.kept["a"] = x.detach()
    return out


def global_branch(m, x):
    CALLS["n"] += 1
    return x if CALLS["n"] < 1e6 else -x


def module_branch(m, x):
    SETTINGS.n += 1
    return x if SETTINGS.n < 1e6 else -x


def global_object_branch(m, x):
    STATE.n += 1
    return x if STATE.n < 1e6 else -x


def next_call():
    CALLS["n"] += 1
    return CALLS["n"]


def helper_branch(m, x):
    return x if next_call() < 1e6 else -x


def object_branch(m, x):
    m.s.n += 1
    return x if m.s.n < 1000 else -x


def length(m, x):
    m.kept.append(1)
    return x if len(m.kept) < 1000 else -x


def total(m, x):
    m.kept.append(1)
    return x if sum(m.kept) < 1000 else -x


def keys(m, x):
    m.kept[object()] = 1
    return x if len(m.kept) < 1000 else -x


USES = "changes .* of the model and uses it"
STATEFUL = {
    name: (make, USES)
    for name, make in {
        "buffer read before it is written": lambda: relu_net(
            before_write, count=nn.Buffer(torch.zeros(1))
        ),
        "tensor bound anew": lambda: relu_net(bound_anew, count=torch.zeros(1)),
        "activation of the last call": lambda: relu_net(stale, kept={"a": torch.zeros(1, 4)}),
        "branch on a counter of an object": lambda: relu_net(object_branch, s=Statistics()),
        "branch on a counter of the class": lambda: Classwide(1000),
        "branch on a global counter": lambda: relu_net(global_branch),
        "branch on a number of a module": lambda: relu_net(module_branch),
        "branch on a counter of a global object": lambda: relu_net(global_object_branch),
        "branch on a global counter, in a helper": lambda: relu_net(helper_branch),
        "branch on the length of a list": lambda: relu_net(length, kept=[]),
        "branch on the sum of a deque": lambda: relu_net(total, kept=collections.deque()),
        "branch on the length of a dict": lambda: relu_net(keys, kept={}),
        "branch on a counter of itertools": lambda: relu_net(
            lambda m, x: x if next(m.k) < 1000 else -x, k=itertools.count()
        ),
        "own generator of NumPy": lambda: relu_net(
            lambda m, x: x if m.g.random() > 1e-9 else -x, g=np.random.default_rng(0)
        ),
        "own generator of Python": lambda: relu_net(
            lambda m, x: x if m.g.random() > 1e-9 else -x, g=random.Random(0)
        ),
        "counter of functions in a list": lambda: listed(1000),
        "counter of a hook that is partial": lambda: partial_hook(1000),
        "scripted counter": scripted,
    }.items()
}
STATEFUL |= {
    "module that gives itself as its copy": (
        lambda: nn.Sequential(NotCopied(4, 6), nn.ReLU()),
        "'0'.*remove __deepcopy__",
    ),
}
