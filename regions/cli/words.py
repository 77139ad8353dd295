"""The words that several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg
from tyro.constructors import PrimitiveConstructorSpec

from regions.cli.output import Output
from regions.workers import Workers

FACTORY = "package.module:factory with an optional @weights.pt"
FILES = (
    "FILE.onnx, FILE.pt2 (torch.export), FILE.npz (arrays NAME.weight and NAME.bias), or " + FACTORY
)
WIDTHS = "widths such as 784,100,100,10: inputs, hidden layers, outputs; or " + FILES
Model = Annotated[Positional[str], arg(metavar="MODEL", help=FILES)]
Shape = Annotated[
    tuple[int, ...] | None, arg(help="shape of one input, such as 1 28 28, if the model needs it")
]
Where = OmitArgPrefixes[Output]
ONE_WORKER = Workers()


def one_of(names: Iterable[str]) -> PrimitiveConstructorSpec[str]:
    """Return what makes an option take one of the names, such as those of a registry."""
    choices = tuple(names)
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=f"{{{','.join(choices)}}}",
        instance_from_str=lambda words: words[0],
        is_instance=lambda value: value in choices,
        str_from_instance=lambda value: [value],
        choices=choices,
    )
