"""Models that must be refused by name.

`REFUSED` maps a name to a function that makes the model, the shape of an input, and what the error
must say.
"""

import copy
import random
import threading

import numpy as np
import torch
import torch.nn.functional as F
from hidden_models import HIDDEN
from model_parts import (
    Counting,
    Program,
    conv_then,
    middle,
    mlp,
    nonlocal_counter,
    parameter,
    program,
    relu_net,
    with_hook,
)
from stateful_models import STATEFUL
from torch import nn


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
    "square": (lambda: middle(lambda m, h: h * h), "multiplies two values"),
    "power": (lambda: middle(lambda m, h: h**2), "pow.*not piecewise"),
    "quotient of values": (lambda: middle(lambda m, h: h / (1 + h)), "divides by a value"),
    "attention": (lambda: middle(lambda m, h: h @ h.t() @ h), "multiplies two values"),
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

REFUSED |= {
    name: (make, (4,), message)
    for name, (make, message) in {**WRITTEN, **HIDDEN, **STATEFUL}.items()
}

IMAGE_REFUSALS = {
    "instance norm": (lambda m, h: F.instance_norm(h), "statistics"),
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
