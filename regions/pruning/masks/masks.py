"""`Masks`: which weights of a network are kept, and `Effective`: which of them are on a path."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import ArgumentError
from regions.files import guarded
from regions.networks import Graph
from regions.pruning.masks.applying import apply_masks, modules_of
from regions.pruning.masks.checks import as_mask, as_parameter
from regions.pruning.masks.files import (
    EXPECTED,
    is_foreign,
    read_masks,
    write_masks,
    write_open_lth,
)
from regions.pruning.masks.foreign import layers_of, read_foreign
from regions.pruning.masks.paths import on_paths
from regions.pruning.model.reading import carried_masks
from regions.results import Result, jsonable

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class Masks(Result, Mapping[str, np.ndarray]):
    """Layer name -> read-only boolean array of the weight's shape: True where it is kept.

    Prunable are the weights of Linear and Conv modules; biases and normalisation never are. A
    mask set holds every prunable layer of its network, also those that are kept whole, so that
    paths and totals are right.

    Parameters
    ----------
    arrays : mapping of str to array
        One array per layer in network order, shape (outputs, inputs, *kernel), boolean or 0/1.
        Names may end in ".weight", as in a state_dict; masks of biases are left out.
    graph : regions.networks.Graph, optional
        The wiring, needed to tell which weights are effective; `prune` and `from_model` fill it
        in. Without it the layers are taken as a plain chain in the given order.
    note : str, optional
        Why there is no wiring although the layers are no plain chain.
    repaired : mapping of str to array, optional
        Parameters that the pruning method set anew, by name ("fc2.weight", "fc2.bias"), float64:
        what `apply` writes before it masks. Empty for methods that only choose.

    Raises
    ------
    ArgumentError
        If a name is not a string, an array is not boolean or 0/1, or has fewer than two axes; or
        a repaired parameter is no finite array of its layer's shape.

    Examples
    --------
    >>> import numpy as np
    >>> masks = Masks({"fc1": np.eye(3), "fc2": [[1, 0, 0], [0, 0, 0]]})
    >>> masks["fc1"].dtype, masks.counts
    (dtype('bool'), {'fc1': 3, 'fc2': 1})
    >>> masks.effective().weights
    {'fc1': 1, 'fc2': 1}
    """

    arrays: Mapping[str, np.ndarray]
    graph: Graph | None = None
    note: str = ""
    repaired: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.arrays, Mapping) or not self.arrays:
            raise ArgumentError(
                f"masks must map at least one layer name to an array, got {self.arrays!r:.80}"
            )
        given = {n: m for n, m in self.arrays.items() if not isinstance(n, str)}  # refused below
        arrays = {n: as_mask(n, m) for n, m in {**given, **layers_of(self.arrays)}.items()}
        object.__setattr__(self, "arrays", MappingProxyType(arrays))
        if not isinstance(self.repaired, Mapping) or not isinstance(self.note, str):
            raise ArgumentError(
                f"repaired is {self.repaired!r:.80} and note {self.note!r:.80}; expected a mapping "
                "of parameter names to arrays, and a text"
            )
        repaired = {name: as_parameter(name, v, arrays) for name, v in self.repaired.items()}
        object.__setattr__(self, "repaired", MappingProxyType(repaired))
        if self.graph is not None and dict(self.graph.prunable) != self.shapes:
            raise ArgumentError(
                f"the masks have the layers {self.shapes}, but the network has "
                f"{dict(self.graph.prunable)}; give one mask per prunable layer, in that order"
            )

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self.arrays[name]
        except KeyError:
            raise KeyError(f"no layer {name!r}; the layers are {list(self.arrays)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Masks):
            return NotImplemented
        return all(
            list(mine) == list(its) and all(np.array_equal(mine[name], its[name]) for name in mine)
            for mine, its in ((self.arrays, other.arrays), (self.repaired, other.repaired))
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple:
        return Masks, (dict(self.arrays), self.graph, self.note, dict(self.repaired))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each layer's weight."""
        return {name: mask.shape for name, mask in self.items()}

    @property
    def sizes(self) -> dict[str, int]:
        """Number of weights of each layer, kept or not."""
        return {name: prod(mask.shape) for name, mask in self.items()}

    @property
    def counts(self) -> dict[str, int]:
        """Number of kept weights of each layer."""
        return {name: int(np.count_nonzero(mask)) for name, mask in self.items()}

    def density(self) -> dict[str, float]:
        """Return the fraction of weights kept in each layer.

        >>> Masks({"fc1": [[1, 0], [1, 0]], "fc2": [[1, 1]]}).density()
        {'fc1': 0.5, 'fc2': 1.0}
        """
        return {name: kept / self.sizes[name] for name, kept in self.counts.items()}

    @property
    def total_density(self) -> float:
        """Fraction of weights kept in all layers together."""
        return sum(self.counts.values()) / sum(self.sizes.values())

    def to_frame(self) -> pd.DataFrame:
        """Return one row per layer: `layer`, `size`, `kept`, `density`."""
        import pandas as pd

        columns = {"size": self.sizes, "kept": self.counts, "density": self.density()}
        return pd.DataFrame(columns).rename_axis("layer").reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Return sizes, counts and densities as JSON-ready objects."""
        parts = {"sizes": self.sizes, "counts": self.counts, "densities": self.density()}
        return {**parts, "total_density": self.total_density}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the density of each layer, and how much of it lies on input-to-output paths."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        names = list(self)
        ax.bar(names, list(self.density().values()), color="0.8", label="kept")
        if not self.note:
            shares = [n / self.sizes[k] for k, n in self.effective().weights.items()]
            ax.bar(names, shares, width=0.4, label="kept and on a path")
        ax.set(yscale="log", xlabel="layer", ylabel="fraction of the layer's weights")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
        return ax

    def summary(self) -> str:
        """Return what is kept in each layer and in total."""
        lines = [
            f"{name}: {kept} of {self.sizes[name]} weights ({kept / self.sizes[name]:.4g})"
            for name, kept in self.counts.items()
        ]
        total = f"all {len(self)} layers together: density {self.total_density:.4g}"
        return "\n".join([*lines, f"{total} (the output layer counts too)"])

    def effective(self) -> Effective:
        """Return which kept weights and units lie on a path from an input to an output.

        Returns
        -------
        Effective
            Effective weights as `Masks`, and counts of weights and units per layer and in total.

        Raises
        ------
        UnsupportedModelError
            If the wiring is unknown: the model could not be read, or the shapes make no chain.

        Examples
        --------
        >>> masks = Masks({"fc1": [[1, 0], [0, 1]], "fc2": [[1, 0]]})
        >>> masks.effective().total_weights
        2
        """
        alive = on_paths(self.arrays, self.graph, self.note)
        kept = Masks(alive.weights, self.graph, self.note, self.repaired)
        return Effective(
            masks=kept,
            kept=self.counts,
            weights=kept.counts,
            units={name: int(units.sum()) for name, units in alive.units.items()},
            width={name: units.size for name, units in alive.units.items()},
            inputs=int(alive.inputs.sum()),
        )

    def apply(self, model: Any, how: str = "prune") -> Any:
        """Apply the masks to `model` and return it; repaired parameters are written first.

        A torch module is changed **in place** and returned; to keep it, pass
        ``copy.deepcopy(model)``. A list of (W, b) pairs or a `ReLUNetwork` is left alone and a
        masked one is returned. A parameter that several layers share has one mask: it holds for
        all of them, also for layers that the masks do not name.

        Parameters
        ----------
        model : torch.nn.Module, list of (W, b), or ReLUNetwork
            Its prunable layers must include all layers of the masks, with the same shapes.
        how : {"prune", "zeros"}
            For torch modules: ``"prune"`` registers masks as `torch.nn.utils.prune` does
            (``weight_orig`` and ``weight_mask``, so training keeps them; a mask that is there
            already is replaced), ``"zeros"`` writes zeros into the weights, once.

        Raises
        ------
        ArgumentError
            If a layer is missing or has another shape, a repaired bias has no place in the model,
            layers that share a parameter have different masks, or a weight is computed at every
            pass (``spectral_norm``, ``weight_norm``, parametrizations), so that no mask would
            last; then nothing has been changed.
        """
        return apply_masks(self.arrays, self.repaired, model, how)

    def save(self, path: str | os.PathLike) -> Path:
        """Write the masks and their wiring to `path` (.npz, bit-packed, no pickle).

        The file appears under its name only when it is complete.
        """
        return write_masks(path, self.arrays, self.graph, self.note, self.repaired)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Masks:
        """Return the masks that `save` wrote, or those that another program did.

        Read are also open_lth's ``mask.pth``, nni's files, and ``.npz`` files of plain arrays;
        names may end in ".weight". Foreign masks know no wiring: their layers count as a chain.

        Raises
        ------
        DataError
            If the file is missing, truncated, too large, a pickle, or not a file of masks.
        """
        if Path(path).suffix in (".pt", ".pth") or is_foreign(path):
            return cls(read_foreign(Path(path), as_mask))
        parts = read_masks(path)
        with guarded(Path(path), EXPECTED):
            return cls(**parts)

    @classmethod
    def from_model(cls, model: Any, input_shape: tuple[int, ...] | None = None) -> Masks:
        """Return the masks that a pruned `model` carries.

        Read from torch prune's ``weight_mask`` where there is one, else from binary buffers of a
        parametrization of the weight, else from the zeros of the weight itself.

        Parameters
        ----------
        model : torch.nn.Module, list of (W, b), path of an ONNX file, or ReLUNetwork
            Left untouched.
        input_shape : tuple of int, optional
            Shape of one input, as `as_network` needs it for models that start with a convolution.
        """
        return cls(**carried_masks(model, input_shape))

    def to_open_lth(self, folder: str | os.PathLike) -> Path:
        """Write ``mask.pth`` and ``sparsity_report.json`` as the open_lth framework reads them.

        The keys are parameter names (``fc1.weight``), the values 0/1 integer tensors.
        """
        return write_open_lth(folder, self.arrays)

    def pruning_ratio_dict(self, model: torch.nn.Module) -> dict[torch.nn.Module, float]:
        """Return module -> sparsity for the layers of `model`, as Torch-Pruning takes it.

        Torch-Pruning removes that share of a layer's output channels, so the layer's weights
        shrink by about that share or more; layers that are kept whole are left out.
        """
        modules, density = modules_of(self.shapes, model), self.density()
        return {modules[name]: 1.0 - density[name] for name in self if density[name] < 1.0}


@dataclass(frozen=True, kw_only=True, repr=False)
class Effective(Result):
    """The effective part of some masks: what lies on an input-to-output path of kept weights.

    A hidden unit is effective if it is fed (a path of kept weights leads to it from an input) and
    feeding (one leads from it to an output). A kept weight is effective if it joins what is fed to
    what is feeding. Nothing else can influence the function, apart from constants: biases make no
    paths. Convolutions are followed position by position, so a weight counts if it is on a path at
    one position at least, and a unit is one channel at one position.

    Attributes
    ----------
    masks : Masks
        The effective weights alone.
    kept : dict of str to int
        Kept weights per layer.
    weights : dict of str to int
        Effective weights per layer.
    units : dict of str to int
        Effective units per hidden layer, by the name of the layer that feeds it.
    width : dict of str to int
        All units per hidden layer.
    inputs : int
        Inputs with a path to an output.

    Examples
    --------
    >>> found = Masks({"fc1": [[1, 0], [0, 1]], "fc2": [[1, 0]]}).effective()
    >>> found.weights, found.units, found.inputs
    ({'fc1': 1, 'fc2': 1}, {'fc1': 1}, 1)
    """

    masks: Masks
    kept: Mapping[str, int]
    weights: Mapping[str, int]
    units: Mapping[str, int]
    width: Mapping[str, int]
    inputs: int

    @property
    def total_weights(self) -> int:
        """Number of effective weights in all layers together."""
        return sum(self.weights.values())

    @property
    def total_units(self) -> int:
        """Number of effective hidden units in all layers together."""
        return sum(self.units.values())

    @property
    def fraction(self) -> float:
        """Share of the kept weights that are effective (0 if none is kept)."""
        kept = sum(self.kept.values())
        return self.total_weights / kept if kept else 0.0

    def to_frame(self) -> pd.DataFrame:
        """Return one row per layer; units are missing where no hidden ReLU layer follows."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                "layer": list(self.kept),
                "size": list(self.masks.sizes.values()),
                "kept": list(self.kept.values()),
                "effective": [self.weights[name] for name in self.kept],
                "units": [self.width.get(name) for name in self.kept],
                "effective_units": [self.units.get(name) for name in self.kept],
            }
        )
        return frame.astype({"units": "Int64", "effective_units": "Int64"})

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON-ready objects."""
        names = ("kept", "weights", "units", "width", "inputs", "total_weights", "total_units")
        return {name: jsonable(getattr(self, name)) for name in names}

    def summary(self) -> str:
        """Return the totals as a sentence or two."""
        kept, size = sum(self.kept.values()), sum(self.masks.sizes.values())
        return (
            f"{self.total_weights} of {kept} kept weights (of {size} in all layers, also those "
            "kept whole) lie on an input-to-output "
            f"path, through {self.total_units} of {sum(self.width.values())} hidden units "
            f"and from {self.inputs} inputs."
        )
