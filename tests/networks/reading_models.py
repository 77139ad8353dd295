"""Models that must be read exactly: ordinary ones, and ones that mislead a reader of names.

`READ` maps a name to a function that gives the model and the shape of an input.
"""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from aliased_models import TABLE
from image_models import IMAGES
from model_parts import (
    Cap,
    Counting,
    Issue,
    Masked,
    MaskedLinear,
    Program,
    Skip,
    Straight,
    appending,
    bound_forward,
    buffer_of_values,
    cached_constant,
    caught,
    counting_buffer,
    indexed_assignment,
    inference,
    jitted,
    masked_assignment,
    middle,
    mlp,
    no_parameter_gradients,
    nonlocal_counter,
    norm,
    out_argument,
    parameter,
    parametrized,
    printing,
    program,
    pruned,
    relu_net,
    replaced_forward,
    set_data,
    swap_in_place,
    tied,
    used,
    with_hook,
    written_into_zeros,
)
from stateful_models import HARMLESS
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

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
    "PReLU": lambda: nn.Sequential(mlp(4, 6), nn.PReLU(), mlp(6, 2)),
    "PReLU by channel": lambda: middle(lambda m, h: F.prelu(h, m.s), s=parameter(6)),
    "ReLU6": lambda: nn.Sequential(mlp(4, 6), nn.ReLU6(), mlp(6, 2)),
    "Hardtanh": lambda: nn.Sequential(mlp(4, 6), nn.Hardtanh(-0.1, 0.3), mlp(6, 2)),
    "Hardsigmoid": lambda: nn.Sequential(mlp(4, 6), nn.Hardsigmoid(), mlp(6, 2)),
    "Softshrink": lambda: nn.Sequential(mlp(4, 6), nn.Softshrink(0.2), mlp(6, 2)),
    "threshold that does not jump": lambda: middle(lambda m, h: F.threshold(h, 0.2, 0.2)),
    "absolute value": lambda: middle(lambda m, h: h.abs()),
    "maximum": lambda: middle(lambda m, h: torch.maximum(h, -h)),
    "minimum with a constant": lambda: middle(lambda m, h: torch.minimum(m.c, h), c=parameter(6)),
    "maxout": lambda: middle(lambda m, h: h.view(-1, 3, 2).amax(-1).repeat(1, 2)),
    "minimum over two axes": lambda: middle(
        lambda m, h: h - h.view(-1, 3, 2).amin((1, 2))[:, None]
    ),
    "clamp on both sides": lambda: middle(lambda m, h: h.clamp(-0.1, 0.3)),
    "clamp in place": lambda: middle(lambda m, h: h.clamp_(max=0.3)),
    "clamp by tensors": lambda: middle(lambda m, h: h.clamp(-m.c.abs(), m.c.abs()), c=parameter(6)),
    "hook that clamps": lambda: with_hook(lambda m, i, o: o.clamp(max=1.5)),
    "hook that clamps in place": lambda: with_hook(lambda m, i, o: (o.clamp_(max=1.5), None)[1]),
    "running sum": lambda: middle(lambda m, h: F.relu(h.cumsum(1))),
    "addmm with factors": lambda: middle(
        lambda m, h: torch.addmm(h, F.relu(h), m.k, beta=2, alpha=0.5), k=parameter(6, 6)
    ),
    "addcmul": lambda: middle(
        lambda m, h: torch.addcmul(F.relu(h), m.k, h, value=0.5), k=parameter(6)
    ),
    "addcmul of a constant": lambda: middle(
        lambda m, h: F.relu(torch.addcmul(m.k, h, m.k)), k=parameter(6)
    ),
    "addcmul of two constants": lambda: middle(
        lambda m, h: F.relu(torch.addcmul(h, m.k, m.k, value=2)), k=parameter(6)
    ),
    "lerp": lambda: middle(lambda m, h: torch.lerp(h, F.relu(h), 0.3)),
    "lerp by weights": lambda: middle(
        lambda m, h: F.relu(torch.lerp(h, m.k, m.k / 3)), k=parameter(6)
    ),
    "lerp from a constant in place": lambda: middle(
        lambda m, h: F.relu(torch.ones_like(h).lerp_(h, 0.7))
    ),
    "lerp between constants": lambda: middle(
        lambda m, h: F.relu(torch.lerp(m.k, torch.ones_like(h), h)), k=parameter(6)
    ),
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
    "product written over a tensor": lambda: middle(
        lambda m, h: F.relu(torch.mm(h, torch.eye(6, dtype=h.dtype), out=torch.empty_like(h)))
    ),
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
    "printing constants": lambda: program(printing),
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


def plain(make):
    return lambda: (make(), (4,))


READ = {name: plain(make) for name, make in {**TABLE, **VECTORS, **HARMLESS}.items()} | IMAGES

READ["the issue's example"] = lambda: (Issue(), (2,))

READ["one number"] = lambda: (program(lambda m, x: F.relu(m.a(x)).sum(1, keepdim=True)), (4,))
