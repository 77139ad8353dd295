import pytest
import torch
from torch.nn import functional as F

from regions.training import load_data


@pytest.fixture(scope="session")
def digits():
    return load_data("digits", limit=300)


def moved_plainly(images, recipe, steps):
    """Move image after image by writing what stays visible into zeros."""
    if not recipe.crop and not recipe.flip:
        return images
    found = torch.zeros_like(images)
    height, width = images.shape[-2:]
    for image, out, (down, right, mirrored) in zip(images, found, steps, strict=True):
        image = image.flip(-1) if mirrored else image
        for row in range(max(0, down), min(height, height + down)):
            for column in range(max(0, right), min(width, width + right)):
                out[:, row, column] = image[:, row - down, column - right]
    return found


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
        rng, total = np.random.default_rng([seed, epoch, 1]), 0.0
        steps = rng.integers(-recipe.crop, recipe.crop + 1, size=(len(y), 2))
        mirrored = rng.random(len(y)) < (0.5 if recipe.flip else 0.0)
        steps = [(*step, flag) for step, flag in zip(steps, mirrored, strict=True)]
        for rows in order.split(recipe.batch_size):
            optimiser.zero_grad()
            seen = moved_plainly(x[rows], recipe, steps[: len(rows)])
            steps = steps[len(rows) :]
            loss = F.cross_entropy(model(seen), y[rows], label_smoothing=recipe.label_smoothing)
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
