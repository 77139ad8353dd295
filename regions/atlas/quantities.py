"""The columns of an atlas: what each number is, over which domain, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["exact", "bound", "estimate", "limit"]

STATUS_MEANING: dict[str, str] = {
    "exact": "Computed without approximation for each network; only the mean over seeds is "
    "uncertain.",
    "bound": "A theorem: the true value is never above it.",
    "estimate": "Computed from a finite sample, or inferred; another sample would differ.",
    "limit": "Some counts ran out of time; the networks they belong to are left out of the mean.",
}


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """One column of the table.

    Attributes
    ----------
    key : str
        Column of the frame; `key`_low and `key`_high are its interval.
    group, heading : str
        Head of the column in the page, in two lines.
    form : str
        Format of a number, as for `format`.
    scale : float
        Factor of the number shown (100 for percentages); the frame holds the number itself.
    what, domain : str
        A sentence each: what it is, and over what.
    status : {"exact", "bound", "estimate", "limit"}
    """

    key: str
    group: str
    heading: str
    form: str
    what: str
    domain: str
    status: Status
    scale: float = 1.0

    def text(self, value: float) -> str:
        """Return the number as it is shown; a dash if it is not known.

        >>> accuracy = Quantity(key="accuracy", group="", heading="", form=".1f", what="",
        ...                     domain="", status="exact", scale=100)
        >>> accuracy.text(0.9688), accuracy.text(float("nan"))
        ('96.9', '–')
        """
        return "–" if value != value else format(self.scale * value, self.form)


def numbered(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> numbered(1, "row"), numbered(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def quantities(
    *,
    tests: int,
    inputs: int,
    units: int,
    planes: int,
    lines: int,
    layers: list[str],
    images: int,
    ntk_images: int,
    limited: set[str],
) -> list[Quantity]:
    """Return the columns of an atlas; `limited` names the domains with counts that timed out."""
    seen = f"the {images:,} images that representations are compared on"
    return [
        Quantity(
            key="accuracy",
            group="Accuracy",
            heading="test,\N{NO-BREAK SPACE}%",
            form=".1f",
            scale=100,
            what="Share of images classified correctly after pruning and fine-tuning.",
            domain=f"All {tests:,} test images, which nothing was trained or chosen on.",
            status="exact",
        ),
        Quantity(
            key="live_units",
            group="Hidden units",
            heading="live",
            form=",.1f",
            what="Hidden units that some path of kept weights reaches from an input.",
            domain=f"The masks alone; the network has {units:,} hidden units.",
            status="exact",
        ),
        Quantity(
            key="effective_units",
            group="Hidden units",
            heading="effective",
            form=",.1f",
            what="Live units from which a path of kept weights also leads to an output.",
            domain=f"The masks alone; the network has {units:,} hidden units.",
            status="exact",
        ),
        Quantity(
            key="regions_plane",
            group="Linear regions",
            heading="on planes",
            form=",.0f",
            what="Activation regions of the hidden ReLUs, counted; mean over the planes.",
            domain=f"{numbered(planes, 'plane')} through three test images, cut to the range of "
            "the pixel values; the same for every network.",
            status="limit" if "plane" in limited else "exact",
        ),
        Quantity(
            key="regions_line",
            group="Linear regions",
            heading="on lines",
            form=",.1f",
            what="Activation regions of the hidden ReLUs, counted; mean over the segments.",
            domain=f"{numbered(lines, 'segment')} between test images of two classes; the same "
            "for every network.",
            status="limit" if "line" in limited else "exact",
        ),
        Quantity(
            key="live_bound",
            group="Linear regions",
            heading="bound, log₂",
            form=".1f",
            what="Serra's recursion over live units: no network on these masks has more "
            "activation regions.",
            domain=f"The whole input space, all {inputs:,} dimensions.",
            status="bound",
        ),
        *(
            Quantity(
                key=f"svcca_{layer}",
                group="SVCCA to dense",
                heading=layer,
                form=".3f",
                what="Mean canonical correlation of the layer with the same layer of the dense "
                "network, on the directions that carry 99 % of the variance. In the row dense: "
                "with another dense network, which is how alike two networks are that nobody "
                "pruned.",
                domain=f"Outputs on {seen}.",
                status="estimate",
            )
            for layer in layers
        ),
        Quantity(
            key="alpha",
            group="Recall intensification",
            heading="by network",
            form=".2f",
            what="Slope of the pruned networks' recall balances on their own dense networks', "
            "corrected for measurement noise: above 1, classes of low recall fell further than "
            "others. < or > marks that a test refuted 1 (Holm over the densities of a method).",
            domain=f"The classes of the {tests:,} test images; all networks of a row together.",
            status="estimate",
        ),
        Quantity(
            key="alpha_across",
            group="Recall intensification",
            heading="across networks",
            form=".2f",
            what="The same slope on the dense recalls of the other networks: do classes that "
            "are hard on average fall further? Free of measurement noise without a correction.",
            domain=f"The classes of the {tests:,} test images; all networks of a row together.",
            status="estimate",
        ),
        Quantity(
            key="ntk_distance",
            group="Tangent kernel",
            heading="distance",
            form=".3f",
            what="1 - centred alignment of the tangent kernels of pruned and dense network: 0 if "
            "they agree up to a factor and a constant.",
            domain=f"{ntk_images} test images; kept weights and biases as parameters.",
            status="estimate",
        ),
        Quantity(
            key="ntk_size",
            group="Tangent kernel",
            heading="size",
            form=".2f",
            what="Trace of the tangent kernel divided by the dense network's.",
            domain=f"{ntk_images} test images; kept weights and biases as parameters.",
            status="estimate",
        ),
    ]
