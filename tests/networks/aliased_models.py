"""Models from a table: every alias of a value, changed in place in every way."""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from model_parts import program
from torch import nn

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


# --- programs drawn at random ---------------------------------------------------------------------

COPIES = (
    lambda h: h.clone(),
    lambda h: torch.cat([h[:, 3:], h[:, :3]], 1),
    lambda h: h.flip(1),
    lambda h: F.leaky_relu(h, 0.1),
    lambda h: h + h.roll(1, 1),
    lambda h: h - 0.5 * h.mean(1, keepdim=True),
    lambda h: h[:, [3, 1, 4, 1, 5, 0]],
)


def drawn(seed):
    """A program of views, copies and changes in place on a growing set of values."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(3, size=12)
    picks = rng.integers(1000, size=(12, 3))

    def forward(m, x):
        values = [m.a(x)]  # each of shape (samples, 6)
        for kind, (which, first, second) in zip(kinds, picks, strict=True):
            h = values[which % len(values)]
            if kind == 0:
                values.append(COPIES[first % len(COPIES)](h))
            elif kind == 1:
                values.append((h[...], h.detach(), h.view(-1, 6), h.t().t())[first % 4])
            else:
                view = list(ALIASES.values())[first % len(ALIASES)](h)
                list(CHANGES.values())[second % len(CHANGES)](view)
        return m.b(values[0]) - m.b(values[-1]) + x[:, :3]

    return program(forward)
