"""What an atlas covers: densities, methods, networks, domains and training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from regions.atlas.method import read_method
from regions.density import check_density
from regions.errors import ArgumentError
from regions.training import Recipe


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of `survey`.

    Attributes
    ----------
    densities : tuple of float
        Fractions of the hidden layers' weights that are kept, in (0, 1].
    methods : tuple of str
        A criterion or method of `regions.prune`, with the suffixes ``+repair`` (every kept weight
        on an input-to-output path) and ``+global`` (one budget for all layers).
    seeds : int
        Networks per method and density.
    planes, lines : int
        Planes through three test images, and segments between test images of two classes, on
        which regions are counted; the same ones for every network.
    images : int
        Most images that representations are compared on; test images first.
    ntk_images : int
        Test images of the tangent kernels.
    time_limit : float
        Seconds after which one count of regions is given up; such counts are left out and
        reported. Whether one is reached depends on the machine, everything else does not.
    dense, fine : Recipe
        Training before pruning (unless trained networks are given), and after it.
    seed : int
        Of the choice of images and of random criteria.

    Raises
    ------
    ArgumentError
        If one of them is out of range or unknown.

    Examples
    --------
    >>> Settings(densities=(0.2,), methods=("magnitude+repair",)).seeds
    5
    """

    densities: tuple[float, ...] = (0.5, 0.2, 0.05)
    methods: tuple[str, ...] = ("magnitude", "magnitude+repair", "random")
    seeds: int = 5
    planes: int = 3
    lines: int = 10
    images: int = 2000
    ntk_images: int = 40
    time_limit: float = 60.0
    dense: Recipe = field(default_factory=lambda: Recipe(epochs=30))
    fine: Recipe = field(default_factory=lambda: Recipe(epochs=30))
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "densities", tuple(map(check_density, self.densities)))
        object.__setattr__(self, "methods", tuple(self.methods))
        for name in self.methods:
            read_method(name)
        for name in ("densities", "methods"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise ArgumentError(f"{name} are {given}; expected at least one, each once")
        for name, least in (
            ("seeds", 1),
            ("planes", 1),
            ("lines", 1),
            ("images", 2),
            ("ntk_images", 3),
            ("seed", 0),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ArgumentError(f"{name} is {value!r}; expected a whole number >= {least}")
        if not 0 < self.time_limit < math.inf:
            raise ArgumentError(f"time_limit is {self.time_limit!r}; expected seconds above 0")
