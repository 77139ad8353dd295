import pytest
import torch
from torch.nn import functional as F

from regions.training import load_data


@pytest.fixture(scope="session")
def digits():
    return load_data("digits", limit=300)


def train_plainly(model, data, recipe, seed, masks=None):
    """The loop everybody writes: torch.optim.SGD on one model, mini-batch after mini-batch."""
    import numpy as np

    dtype = next(model.parameters()).dtype
    x, y = torch.tensor(data.train.inputs, dtype=dtype), torch.tensor(data.train.labels)
    weights = dict(model.named_parameters())
    keep = {f"{name}.weight": torch.as_tensor(mask) for name, mask in (masks or {}).items()}
    with torch.no_grad():
        for name, mask in keep.items():
            weights[name].mul_(mask)
    optimiser = torch.optim.SGD(
        model.parameters(),
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )
    model.train()
    losses = []
    for epoch in range(recipe.epochs):
        optimiser.param_groups[0]["lr"] = recipe.rate(epoch)
        order = torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(len(y)))
        total = 0.0
        for rows in order.split(recipe.batch_size):
            optimiser.zero_grad()
            loss = F.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            for name, mask in keep.items():
                weights[name].grad.mul_(mask)
            optimiser.step()
            total += loss.item() * len(rows)
        losses.append(total / len(y))
    return losses


@pytest.fixture
def plain():
    return train_plainly
