"""Linear regions, representations and recall of pruned neural networks."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.2.0"

# Rooms load when first used, so that `import regions` stays quick and does not import torch.
_ROOMS = {
    "networks": ("Box", "ReLUNetwork", "Slice", "as_network"),
    "counting": (
        "Region",
        "RegionCount",
        "Status",
        "count_kinds",
        "count_regions",
        "decision_boundary",
        "enumerate_regions",
        "plot_regions",
        "region_graph",
    ),
    "neighbourhoods": ("Neighbourhoods", "local"),
    "bounds": ("Bound", "lower_bound", "rank_distribution", "upper_bound"),
    "allocation": ("Allocation", "allocate"),
    "pruning": ("Masks", "prune"),
    "representations": (
        "LayerComparison",
        "Similarity",
        "capture",
        "cca",
        "cka",
        "compare_layers",
        "procrustes",
        "pwcca",
        "svcca",
    ),
    "recall": (
        "IntensificationResult",
        "RecallTable",
        "compare_intensification",
        "intensification",
        "replicates",
    ),
}
_MODULES = (*_ROOMS, "atlas", "backdoor", "errors", "figures", "theory", "training")
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted([*_HOME, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
