"""Models whose operations hide what they do, or compute what has no description: to be refused."""

import numpy as np
import torch
import torch.nn.functional as F
from model_parts import Program, middle, mlp, parameter
from torch import nn


def silent_clamp(kind):
    """An operation of the user's own that has a name of torch's."""

    def clamp(x: torch.Tensor) -> torch.Tensor:
        return x.clamp(0, 1e7)

    return torch.library.custom_op(f"silent::{kind}", clamp, mutates_args=())


OWN_RELU, OWN_CLONE = silent_clamp("relu"), silent_clamp("clone")


def stored_as(dtype):
    def stored(m, h):
        values = torch.zeros(len(h), 6, dtype=dtype)
        values[:] = h
        return F.relu(values.to(m.b.weight.dtype))

    return lambda: middle(stored)


def as_list(read):
    """What is far from all probes goes through a list of tensors."""
    return lambda: middle(lambda m, h: torch.where(read([v for v in (h > 1e7)[0]]).bool(), -h, h))


def as_text(write):
    """What is far from all probes shows in a text."""
    return lambda: middle(lambda m, h: -h if "9999999" in write(h) else h)


def assigned_by_list(m, h):
    h = h.clone()
    h[:, [(h[0, 0] > 1e7).long()]] = 0.0
    return h


def enlarge(layer):
    if isinstance(layer, nn.Linear):
        layer.weight.data *= 1e170


HIDDEN = {
    "own operation called relu": (lambda: middle(lambda m, h: OWN_RELU(h)), "silent::relu"),
    "own operation called clone": (lambda: middle(lambda m, h: OWN_CLONE(h)), "silent::clone"),
    "stored as half": (stored_as(torch.float16), "casts.*float16"),
    "stored as bfloat16": (stored_as(torch.bfloat16), "casts.*bfloat16"),
    "stored as integers": (stored_as(torch.int64), "casts.*int64|does not depend"),
    "sum as integers": (
        lambda: middle(lambda m, h: h + h.sum(1, keepdim=True, dtype=torch.int64)),
        "casts.*int64",
    ),
    "written into half": (
        lambda: middle(lambda m, h: torch.add(h, 1, out=torch.zeros(len(h), 6).half()).float()),
        "casts.*float16",
    ),
    "constant written over values": (
        lambda: middle(lambda m, h: torch.eq(h, h, out=h)),
        "does not depend",
    ),
    "list of tensors": (as_list(torch.tensor), "'tensor'.*control flow"),
    "list of tensors, as_tensor": (as_list(torch.as_tensor), "'as_tensor'.*control flow"),
    "list of tensors, Tensor": (as_list(torch.Tensor), "'__.*__'.*control flow"),
    "list of tensors, DoubleTensor": (as_list(torch.DoubleTensor), "'__.*__'.*control flow"),
    "list of tensors, new": (
        lambda: middle(lambda m, h: torch.where(h.new([v for v in h[0]]) > 1e7, -h, h)),
        "'new'.*control flow",
    ),
    "str": (as_text(str), "'__repr__'.*without printing values"),
    "repr": (as_text(repr), "'__repr__'.*without printing values"),
    "f-string": (as_text(lambda h: f"{h}"), "'__format__'.*without printing values"),
    "format of one value": (as_text(lambda h: f"{h[0, 0]:.1f}"), "'__format__'.*printing values"),
    "percent": (as_text(lambda h: "%s" % h.max()), "'__repr__'.*without printing"),  # noqa: UP031
    "mean over everything": (
        lambda: middle(lambda m, h: h - h.mean()),
        "over the batch axis.*name the other axes",
    ),
    "division that rounds": (
        lambda: middle(lambda m, h: torch.div(h, 2, rounding_mode="floor")),
        "divides and rounds.*without rounding_mode",
    ),
    "index by a list of tensors": (
        lambda: middle(lambda m, h: h[:, [(h[0, 0] > 1e7).long(), 1, 2, 3, 4, 5]]),
        "'__getitem__'.*control flow",
    ),
    "assignment by a list of tensors": (
        lambda: middle(assigned_by_list),
        "'__setitem__'.*control flow",
    ),
    "infinite slope": (lambda: mlp(4, 6, 3, act=lambda: nn.LeakyReLU(np.inf)), "slope inf"),
    "layer of width 0": (
        lambda: Program(
            lambda m, x: F.linear(F.relu(F.linear(x, m.w)), m.v),
            w=parameter(0, 4),
            v=parameter(3, 0),
        ),
        "no values",
    ),
    "sum of nothing": (
        lambda: middle(lambda m, h: h + h[:, :0].sum(1, keepdim=True)),
        "is empty",
    ),
    "overflow": (lambda: (lambda m: m.apply(enlarge))(mlp(4, 6, 3).double()), "range of float64"),
}
