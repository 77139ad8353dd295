"""Whether a description is a model's function: at probes near and far."""

import numpy as np
import torch


def make(factory):
    torch.manual_seed(0)
    return factory()


def probes(shape, rows=240):
    """Inputs near and far, so that units take both signs."""
    rng = np.random.default_rng(11)
    scales = 10.0 ** rng.uniform(-1, 2, size=(rows, *[1] * len(shape)))
    return rng.standard_normal((rows, *shape)) * scales


def own_outputs(factory, points):
    """The model's own outputs, in float64 if it can, and their relative precision."""
    with torch.no_grad():
        try:
            model = make(factory)[0].double()
            model.eval()
            out = model(torch.from_numpy(points.copy()))
        except RuntimeError:  # it casts to float32 by itself
            model = make(factory)[0].eval()
            out = model(torch.from_numpy(points).to(next(model.parameters()).dtype))
    return out.double().numpy(), {torch.float64: 1e-10, torch.float32: 1e-4}.get(out.dtype, 3e-2)


def differs(net, factory):
    """Whether `net` is not the model's function at some probe; and the share of units that flip."""
    points = probes(net.input_shape)
    expected, precision = own_outputs(factory, points)
    rows = expected.reshape(len(points), -1)
    found = net(points).reshape(rows.shape)
    sizes = 1 + np.abs(points).reshape(len(points), -1).max(axis=1) + np.abs(rows).max(axis=1)
    pattern = net.pattern(points)
    flips = (pattern.any(axis=0) & ~pattern.all(axis=0)).mean() if pattern.size else 1.0
    return bool((np.abs(found - rows) > precision * sizes[:, None]).any()), flips
