"""How models that others have published are read, and what works on them.

    python -m analyses.benchmarks.readers --peer-models PATH

PATH is a folder of Python files, each with a function ``models()`` that returns, by name, a
function that makes a module and the shape of one input: ``{"LeNet": (LeNet, (1, 28, 28))}``. The
files find their own packages (``sys.path``); nothing of others is kept here. Modules are read in
eval mode with random weights and drawn statistics of batch normalisation. A model is read

- ``exact``, equal to the model in float64 at probes near and far, or with ``logits``, equal before
  its last softmax, log-softmax or sigmoid;
- as ``wiring``: it has no linear regions, and only what reaches what is known;
- not at all, ``refused``, or ``wrong``: it differs at a probe.

``flips`` is the share of hidden units that take both signs at the probes, of which large networks
get fewer. ``verbs`` names what fails of effective weights, pruning with repair, saving and applying
masks, SynFlow, disjoint paths and allocation; ``effective`` is the share of weights on a path.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import copy
import importlib.util
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

import regions
from analyses.benchmarks.large_models import with_statistics
from analyses.benchmarks.measuring import apart, peak_mib, report
from analyses.catalogue import Entry
from regions.errors import ArgumentError, RegionsError
from regions.networks import ReLUNetwork, as_wiring
from regions.networks.steps import Step

ENTRY = Entry(figure="published models, as they are read", minutes=None, inputs="--peer-models")

Models = Mapping[str, tuple[Callable[[], nn.Module], tuple[int, ...]]]


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    peer_models: Path | None = None
    """Folder of Python files that define ``models()``."""
    names: tuple[str, ...] = ()
    """Only models whose name holds one of these."""
    probes: int = 240
    effort: float = 5e9
    """Products spent on the probes of one model; at least 8 probes are taken."""
    verbs: bool = True
    density: float = 0.1
    out: Path = Path("out/benchmarks/readers")
    smoke: bool = False
    """Two small models in place of others'."""


def compute(config: Config) -> pd.DataFrame:
    """Return one row per model."""
    if config.smoke:
        return pd.DataFrame([measure("", n, *m, config) for n, m in _small().items()])
    if config.peer_models is None or not (files := sorted(config.peer_models.glob("*.py"))):
        raise ArgumentError(
            f"--peer-models is {config.peer_models}; expected a folder of Python files with "
            "models() in them"
        )
    found = [apart(_of_file, file, config) for file in files]
    return pd.DataFrame([row for rows in found for row in rows])


def load(file: Path) -> Models:
    """Return the models that a file defines."""
    spec = importlib.util.spec_from_file_location(f"peers_{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.models()


def _of_file(file: Path, config: Config) -> list[dict]:
    return [
        measure(file.stem, name, make, shape, config)
        for name, (make, shape) in load(file).items()
        if not config.names or any(part in name for part in config.names)
    ]


def measure(
    source: str, name: str, make: Callable[[], nn.Module], shape: tuple, config: Config
) -> dict:
    """Return how one model is read."""
    torch.manual_seed(0)
    model = with_statistics(make())
    row = {"source": source, "model": name, "read": "refused"}
    begin = time.process_time()
    found, why = _read(model, shape)
    row |= {"seconds": time.process_time() - begin, "why": why[:300]}
    if isinstance(found, ReLUNetwork):
        count = int(np.clip(config.effort / _products(found.graph.steps), 8, config.probes))
        wrong, flips = _differs(found, model, shape, count)
        row["read"] = "wrong" if wrong else "exact" if found.left_off is None else "logits"
        row |= {"probes": count, "flips": flips, "hidden": sum(found.widths[1:-1])}
    elif found is not None:
        row["read"] = "wiring"
    if config.verbs:
        row |= _verbs(model, shape, config.density)
    return {**row, "peak_mib": peak_mib()}


def _read(model: nn.Module, shape: tuple[int, ...]) -> tuple[Any, str]:
    """Return the best description there is, and why it is no better."""
    why = ""
    for attempt in (
        lambda: regions.as_network(model, shape),
        lambda: regions.as_network(model, shape, output="logits"),
        lambda: as_wiring(model, shape),
    ):
        try:
            return attempt(), why
        except RegionsError as error:
            why = why or f"{type(error).__name__}: {error}"
        except Exception as error:  # a fault of the reader: the table shows it
            why = f"CRASH {type(error).__name__}: {error}"
    return None, why


def _products(steps: tuple[Step, ...]) -> int:
    return 1 + sum(step.size * step.fan_in for step in steps if step.module is not None)


def _differs(
    net: ReLUNetwork, model: nn.Module, shape: tuple[int, ...], count: int
) -> tuple[bool, float]:
    rng = np.random.default_rng(11)
    scales = 10.0 ** rng.uniform(-1, 2, size=(count, *[1] * len(shape)))
    points = rng.standard_normal((count, *shape)) * scales
    wrong, either, both = False, False, True
    for part in np.array_split(points, max(1, count // 8)):
        own = _outputs(model, part, net.left_off is not None).reshape(len(part), -1)
        rows = net(part).reshape(len(part), -1)
        if net.left_off is not None:  # what was left off, put on again
            rows = getattr(torch, net.left_off)(
                torch.from_numpy(net(part)), *(() if net.left_off == "sigmoid" else (1,))
            )
            rows = rows.reshape(len(part), -1).numpy()
        largest = np.abs(part).max() + np.abs(own).max() + 1
        wrong |= bool((np.abs(rows - own) > 1e-9 * largest).any())
        pattern = net.pattern(part)
        either, both = either | pattern.any(axis=0), both & pattern.all(axis=0)
    return wrong, float((either & ~np.asarray(both)).mean())


def _outputs(model: nn.Module, points: np.ndarray, left_off: bool) -> np.ndarray:
    double = {n: v.double() for n, v in model.state_dict().items() if v.is_floating_point()}
    with torch.no_grad():
        out = torch.func.functional_call(model, double, (torch.from_numpy(points),))
    if isinstance(out, Mapping) or hasattr(out, "logits"):
        out = next(iter(dict(out).values()))
    return out.numpy()


def _verbs(model: nn.Module, shape: tuple[int, ...], density: float) -> dict:
    """Return which verbs fail, and the share of the weights kept by magnitude on a path."""
    failed, share = [], []

    def prune(name: str, **options: Any) -> regions.Masks:
        return regions.prune(model, density, name, input_shape=shape, **options)

    def effective() -> None:
        masks = prune("magnitude")
        share.append(masks.effective().total_weights / sum(masks.counts.values()))

    def applied() -> None:
        masks = prune("magnitude", repair=True)
        with tempfile.TemporaryDirectory() as folder:
            masks.save(Path(folder) / "masks.npz")
            masks = regions.Masks.load(Path(folder) / "masks.npz")
        masks.apply(copy.deepcopy(model))

    def allocated() -> None:
        regions.prune(model, regions.allocate(model, density, input_shape=shape), input_shape=shape)

    verbs: dict[str, Callable] = {
        "effective": effective,
        "repair, save, apply": applied,
        "synflow": lambda: prune("synflow", repair=True),
        "disjoint": lambda: prune("disjoint"),
        "allocate": allocated,
    }
    for name, verb in verbs.items():
        try:
            verb()
        except RegionsError as error:
            failed.append(f"{name}: {type(error).__name__}: {error}"[:200])
        except Exception as error:
            failed.append(f"{name}: CRASH {type(error).__name__}: {error}"[:200])
    return {"verbs": "; ".join(failed), "effective": share[0] if share else None}


def _small() -> Models:
    relu, smooth = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), nn.Tanh()
    return {
        "perceptron": (lambda: relu, (4,)),
        "smooth": (lambda: nn.Sequential(nn.Linear(4, 3), smooth, nn.Linear(3, 2)), (4,)),
    }


if __name__ == "__main__":
    report(Config, compute, "readers", __doc__)
