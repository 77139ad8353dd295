"""Running statistics of batch norms, estimated anew for a network that was pruned."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from regions.errors import ArgumentError

_FEWEST = 2  # images of which a variance can be taken


def reestimate(model: nn.Module, images: Any, *, batch_size: int = 256) -> nn.Module:
    """Return a copy, in evaluation mode, whose batch norms know the statistics of some images.

    Pruning shifts what reaches a batch norm, while its running mean and variance stay those of the
    dense network. They become the means over batches of what they meet now; no weight changes.

    Parameters
    ----------
    model : torch.nn.Module
        Left as it is.
    images : (n, *shape) array or tensor
        Training images without labels; some hundreds are enough.
    batch_size : int
        About how many images at a time: all batches are equally large, up to one image.

    Raises
    ------
    ArgumentError
        If there are fewer than two images, or the model has no batch norm with running statistics.

    Examples
    --------
    >>> import torch
    >>> from regions.training import reestimate
    >>> norm = torch.nn.BatchNorm1d(1, affine=False)
    >>> known = reestimate(norm, torch.tensor([[1.0], [3.0]]))
    >>> known.running_mean.tolist(), known.running_var.tolist()
    ([2.0], [2.0])
    """
    model = copy.deepcopy(model).eval()
    norms = [part for part in model.modules() if isinstance(part, _BatchNorm)]
    norms = [part for part in norms if part.track_running_stats]
    if not norms:
        raise ArgumentError(f"{type(model).__name__} has no batch norm with running statistics")
    if len(images) < _FEWEST:
        raise ArgumentError(f"{len(images)} images were given; expected some hundreds, 2 at least")
    momenta = [part.momentum for part in norms]
    for part in norms:
        part.reset_running_stats()
        part.momentum = None  # the mean over all batches
        part.train()
    place = next((value for value in model.parameters()), norms[0].running_mean)
    batches = max(1, round(len(images) / batch_size))
    with torch.no_grad():
        for batch in torch.as_tensor(images).tensor_split(batches):
            model(batch.to(place))
    for part, momentum in zip(norms, momenta, strict=True):
        part.momentum = momentum
    return model.eval()
