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
        Column of the frame; `key_low` and `key_high` (of the same key) are its interval.
    group, heading : str
        Head of the column in the page, in two lines.
    form : str
        Format of a number, as for `format`.
    scale : float
        Factor of the number shown (100 for percentages); the frame holds the number itself.
    what, domain : str
        A sentence each: what it is, and over what.
    status : {"exact", "bound", "estimate", "limit"}

    Examples
    --------
    >>> accuracy = Quantity(
    ...     key="accuracy", group="", heading="", form=".1f", what="", domain="", status="exact",
    ...     scale=100,
    ... )
    >>> accuracy.text(0.9688)
    '96.9'
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


@dataclass(frozen=True, kw_only=True)
class Extent:
    """What the numbers of an atlas were taken over.

    Attributes
    ----------
    tests, inputs, units : int
        Test images; inputs and hidden units of the network.
    planes, lines, images, ntk_images : int
        As in `Settings`, or as many as there are.
    layers : tuple of str
        Layers whose similarity is known.
    limited : frozenset of str
        "plane" and "line" where counts ran out of time.
    """

    tests: int
    inputs: int
    units: int
    planes: int
    lines: int
    images: int
    ntk_images: int
    layers: tuple[str, ...]
    limited: frozenset[str]


def quantities(extent: Extent) -> tuple[Quantity, ...]:
    """Return the columns of an atlas."""
    return (
        _accuracy(extent),
        *_units(extent),
        *_regions(extent),
        *_similarities(extent),
        *_recalls(extent),
        *_kernels(extent),
    )


def _accuracy(extent: Extent) -> Quantity:
    return Quantity(
        key="accuracy",
        group="Accuracy",
        heading="test,\N{NO-BREAK SPACE}%",
        form=".1f",
        scale=100,
        what="Share of images classified correctly after pruning and fine-tuning.",
        domain=f"All {extent.tests:,} test images, which nothing was trained or chosen on.",
        status="exact",
    )


def _units(extent: Extent) -> list[Quantity]:
    meanings = {
        "live": "Hidden units that some path of kept weights reaches from an input.",
        "effective": "Live units from which a path of kept weights also leads to an output.",
    }
    return [
        Quantity(
            key=f"{name}_units",
            group="Hidden units",
            heading=name,
            form=",.1f",
            what=what,
            domain=f"The masks alone; the network has {extent.units:,} hidden units.",
            status="exact",
        )
        for name, what in meanings.items()
    ]


def _regions(extent: Extent) -> list[Quantity]:
    places = {
        "plane": f"{numbered(extent.planes, 'plane')} through three test images, cut to the range "
        "of the pixel values",
        "line": f"{numbered(extent.lines, 'segment')} between test images of two classes",
    }
    counts = [
        Quantity(
            key=f"regions_{name}",
            group="Linear regions",
            heading=f"on {name}s",
            form=form,
            what=f"Activation regions of the hidden ReLUs, counted; mean over the {name}s.",
            domain=f"{place}; the same for every network.",
            status="limit" if name in extent.limited else "exact",
        )
        for (name, place), form in zip(places.items(), (",.0f", ",.1f"), strict=True)
    ]
    bound = Quantity(
        key="live_bound",
        group="Linear regions",
        heading="bound, log₂",
        form=".1f",
        what="Serra's recursion over live units: no network on these masks has more activation "
        "regions.",
        domain=f"The whole input space, all {extent.inputs:,} dimensions.",
        status="bound",
    )
    return [*counts, bound]


def _similarities(extent: Extent) -> list[Quantity]:
    return [
        Quantity(
            key=f"svcca_{layer}",
            group="SVCCA to dense",
            heading=layer,
            form=".3f",
            what="Mean canonical correlation of the layer with the same layer of the dense "
            "network, on the directions that carry 99 % of the variance. In the row dense: with "
            "another dense network, which is how alike two networks are that nobody pruned.",
            domain=f"Outputs on {extent.images:,} images, test images first.",
            status="estimate",
        )
        for layer in extent.layers
    ]


def _recalls(extent: Extent) -> list[Quantity]:
    meanings = {
        "alpha": (
            "by network",
            "Slope of the pruned networks' recall balances on their own dense networks', "
            "corrected for measurement noise: above 1, classes of low recall fell further than "
            "others. < or > marks that a test refuted 1 (Holm over the densities of a method).",
        ),
        "alpha_across": (
            "across networks",
            "The same slope on the dense recalls of the other networks: do classes that are hard "
            "on average fall further? Free of measurement noise without a correction.",
        ),
    }
    return [
        Quantity(
            key=key,
            group="Recall intensification",
            heading=heading,
            form=".2f",
            what=what,
            domain=f"The classes of the {extent.tests:,} test images; all networks of a row "
            "together.",
            status="estimate",
        )
        for key, (heading, what) in meanings.items()
    ]


def _kernels(extent: Extent) -> list[Quantity]:
    meanings = {
        "distance": "1 - centred alignment of the tangent kernels of pruned and dense network: 0 "
        "if they agree up to a factor and a constant.",
        "size": "Trace of the tangent kernel divided by the dense network's.",
    }
    return [
        Quantity(
            key=f"ntk_{name}",
            group="Tangent kernel",
            heading=name,
            form=form,
            what=what,
            domain=f"{extent.ntk_images} test images; kept weights and biases as parameters.",
            status="estimate",
        )
        for (name, what), form in zip(meanings.items(), (".3f", ".2f"), strict=True)
    ]
