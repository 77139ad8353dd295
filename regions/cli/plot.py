"""`regions plot`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

import regions
from regions.cli.given import domain, network
from regions.cli.words import Model, Shape
from regions.errors import ArgumentError
from regions.results import check_writable, write_atomically

_ENDINGS = (".png", ".pdf", ".svg")


def plot(
    model: Model,
    box: tuple[float, float] | None = None,
    points: Path | None = None,
    within: tuple[float, float] | None = None,
    by: Literal["region", "layer", "class"] = "region",
    masks: Path | None = None,
    input_shape: Shape = None,
    output: Annotated[Path, arg(aliases=["-o"])] = Path("regions.png"),
) -> None:
    """Draw the regions of a network on a bounded plane.

    Args:
        box: The square LOW HIGH, for networks of two inputs.
        points: An .npy file of three inputs, (3, n0), that span the plane; they are ringed.
        within: With points: the part of the plane inside the cube LOW HIGH.
        by: Colours of regions, of the layers that break at each boundary, or of classes.
        masks: File of masks (from `regions prune`): draw the pruned network.
        output: The picture (.png, .pdf or .svg).
    """
    from matplotlib.figure import Figure

    if output.suffix not in _ENDINGS:
        raise ArgumentError(f"cannot draw into {output.name!r}; end it in {', '.join(_ENDINGS)}")
    check_writable(output)
    net = network(model, input_shape)
    if masks is not None:
        net = net.masked(regions.Masks.load(masks))
    plane = domain(net.input_size, box, points, within)
    if plane is None:
        raise ArgumentError(
            "no plane was given; for a network of two inputs give --box LOW HIGH, else --points "
            "FILE.npy with three inputs and --within LOW HIGH"
        )
    figure = Figure(figsize=(5, 4), dpi=200, layout="constrained")
    regions.plot_regions(net, plane, by=by, ax=figure.add_subplot())
    write_atomically(output, _drawn(figure, output.suffix[1:]))
    print(f"picture: {output}")


def _drawn(figure: Any, form: str) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format=form)
    return stream.getvalue()
