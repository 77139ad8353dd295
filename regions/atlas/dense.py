"""The dense networks that an atlas starts from: given, or trained from a factory."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import regions
from regions.atlas.settings import Settings
from regions.errors import ArgumentError
from regions.networks.load import load_model
from regions.representations import untrained
from regions.training import MODELS, DataSet, build_model, train
from regions.training.trainer import check_fit

Source = str | nn.Module | Sequence[nn.Module] | Callable[[], nn.Module]


@dataclass(frozen=True, kw_only=True)
class Starts:
    """The networks of an atlas, one per seed.

    Attributes
    ----------
    name : str
    models : list of torch.nn.Module
        Trained if `given`; else with their initial parameters.
    given : bool
        Whether they are the user's own trained networks.
    distinct : bool
        Whether there is one per seed; else all are the same network.
    """

    name: str
    models: list[nn.Module]
    given: bool
    distinct: bool

    def fingerprint(self) -> str:
        """Return a hash of architecture and parameters."""
        digest = hashlib.sha256(f"{self.given} {self.models[0]!r}".encode())
        for model in self.models:
            for name, value in model.state_dict().items():
                digest.update(name.encode())
                digest.update(value.detach().cpu().contiguous().numpy().data)
        return digest.hexdigest()

    def trained(
        self, data: DataSet, settings: Settings, folder: Path, progress: bool
    ) -> list[nn.Module]:
        """Return the dense networks in evaluation mode, training them unless they were given."""
        if self.given:
            return [copy.deepcopy(model).eval() for model in self.models]
        found = train(self.models, data, settings.dense, checkpoint=folder, progress=progress)
        return found.models()


def read_starts(source: Source, data: DataSet, settings: Settings) -> Starts:
    """Return the networks that `source` means, after checking that they fit the data.

    Raises
    ------
    ArgumentError
        If `source` names no torch module, or the module does not fit the images or classes.
    UnsupportedModelError
        If the model holds an operation that is not piecewise linear.
    """
    found = _read(source, data, settings)
    for model in found.models[:1] if not found.given else found.models:
        check_fit(model, data)
        regions.as_network(model, input_shape=data.image_shape)
    return found


def _read(source: Source, data: DataSet, settings: Settings) -> Starts:
    if isinstance(source, nn.Module):
        return _given(type(source).__name__, [source], settings)
    if isinstance(source, str):
        if source in MODELS:
            build = partial(_standard, source, data)
            return _fresh(source, build, settings)
        if "@" in source:
            return _given(source, [_module(source)], settings)
        return _fresh(source, lambda seed: _module(source), settings)
    if callable(source):
        name = getattr(source, "__name__", type(source).__name__)
        return _fresh(name, lambda seed: _checked(source(), name), settings)
    if isinstance(source, Sequence) and source:
        models = [_checked(model, f"network {index}") for index, model in enumerate(source)]
        return _given(type(models[0]).__name__, models, settings)
    raise ArgumentError(
        f"model is {source!r:.80}; expected a torch module, a list of them, a function that "
        f"returns one, package.module:factory, or one of {', '.join(MODELS)}"
    )


def _standard(name: str, data: DataSet, seed: int) -> nn.Module:
    return build_model(name, data.image_shape, data.classes, seed=seed)


def _module(source: str) -> nn.Module:
    return _checked(load_model(source), source)


def _checked(model: Any, name: str) -> nn.Module:
    if not isinstance(model, nn.Module):
        raise ArgumentError(
            f"{name} is a {type(model).__name__}, which cannot be trained after pruning; give "
            f"package.module:factory with an optional @weights.pt, or one of {', '.join(MODELS)}"
        )
    return model


def _given(name: str, models: list[nn.Module], settings: Settings) -> Starts:
    if len(models) not in (1, settings.seeds):
        raise ArgumentError(
            f"{len(models)} networks were given for {settings.seeds} seeds; give one, or one each"
        )
    distinct = len(models) == settings.seeds > 1
    repeated = models if distinct else models * settings.seeds
    return Starts(name=name, models=repeated, given=True, distinct=distinct)


def _fresh(name: str, build: Callable[[int], nn.Module], settings: Settings) -> Starts:
    """Build one network per seed; a factory that seeds itself gets fresh weights by reset."""
    models = []
    for seed in range(settings.seeds):
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            model = build(seed)
        same = seed > 0 and _equal(model, models[0])
        models.append(untrained(model, rng=seed) if same else model)
    return Starts(name=name, models=models, given=False, distinct=settings.seeds > 1)


def _equal(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
