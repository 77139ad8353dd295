"""What `compare_layers` collects from two networks, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regions.arguments import check_flag, check_whole
from regions.choices import check_name
from regions.errors import ArgumentError
from regions.representations.capture import TAPS, Select, check_layers
from regions.representations.maps import MODES
from regions.representations.moments import Moments
from regions.representations.stored import Stored
from regions.representations.triangle import Triangle

Sums = Moments | Triangle | Stored
ACCUMULATORS: dict[str, type[Sums]] = {"moments": Moments, "tsqr": Triangle, "store": Stored}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of `compare_layers` beside those of its measure.

    Examples
    --------
    >>> Settings(tap="relu", mode="dft").accumulator
    'store'
    """

    layers: str | Sequence[str] | None = None
    """Which modules; see `capture`."""
    tap: str = "output"
    """What of them; see `capture`."""
    select: Select | None = None
    """``select(name, output)`` returns the tensor of an output that is none; see `capture`."""
    mode: str = "spatial"
    """What a sample is in convolutional layers; see `map_rows`."""
    grid: bool | None = None
    """Whether to compare all pairs of layers with the same samples; by default only for networks
    of at most 1024 neurons (channels) in all."""
    blocks: int = 0
    """Number of blocks of images for jackknife intervals; 0 for none, better 10 or more (at
    least 2). Measures whose intervals would not cover (cca, svcca, pwcca, regression_r2) give none,
    and the reason."""
    permutations: int | None = None
    """How often the images of the pruned network are shuffled (within batches) for a null value
    that keeps the dependence between the positions of an image; by default twice where positions
    are samples, else never."""
    accumulator: str = "moments"
    """"moments" (sums of products); "tsqr" (accurate at any conditioning, slower); "store" (all
    rows, in memory), which modes "dft" and "flatten" do."""
    max_positions: int | None = None
    """With positions as samples: keep so many random ones per image, the same for both."""
    per_position: bool = False
    """Take out each position's own mean, which padding gives even to unrelated networks."""
    batch_size: int | None = None
    """For arrays; loaders keep theirs. By default 64, or so few that the activations which are held
    at once take at most 1 GiB in float64 (batches of loaders are then cut, too)."""
    max_images: int | None = None
    """Stop after so many images."""
    rng: int = 0
    """Seed of the order of the images, the positions and the shuffles."""
    progress: bool = False
    """Show a bar on stderr."""

    def __post_init__(self) -> None:
        self._check()
        if self.mode == "dft" or (self.mode == "flatten" and self.accumulator == "moments"):
            object.__setattr__(self, "accumulator", "store")

    def _check(self) -> None:
        check_layers(self.layers)
        check_name("tap", self.tap, TAPS)
        check_name("mode", self.mode, MODES)
        check_name("accumulator", self.accumulator, ACCUMULATORS)
        if not (self.select is None or callable(self.select)):
            raise ArgumentError(f"select is {self.select!r}; expected a function, or None")
        if self.grid is not None:
            check_flag(self.grid, "grid")
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if not (value is None and name in _OPTIONAL):
                check_whole(value, name, least, most)
        if self.blocks == 1:
            raise ArgumentError("blocks is 1; expected 0 (none) or at least 2")
        check_flag(self.per_position, "per_position")
        check_flag(self.progress, "progress")


_RANGES = {
    "blocks": (0, 10**6),
    "permutations": (0, 10**6),
    "max_positions": (1, None),
    "batch_size": (1, None),
    "max_images": (1, None),
    "rng": (0, None),
}
_OPTIONAL = ("permutations", "max_positions", "batch_size", "max_images")
