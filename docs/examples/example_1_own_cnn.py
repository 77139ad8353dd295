"""
My own CNN, pruned
==================

A convolutional network and a training loop of one's own: which density each layer gets, masks
without dead ends, fine-tuning, a checkpoint, and what pruning did to representations and regions.
"""

import copy
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

import regions
from regions.networks import load_weights
from regions.training import load_data

data = load_data("digits")  # any pair of torch Datasets does as well
x, y = torch.from_numpy(data.train.inputs), torch.from_numpy(data.train.labels)
x_test, y_test = torch.from_numpy(data.test.inputs), torch.from_numpy(data.test.labels)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.fc1 = nn.Linear(8 * 36, 40)
        self.fc2 = nn.Linear(40, 10)

    def forward(self, x):
        x = torch.relu(self.conv(x)).flatten(1)
        return self.fc2(torch.relu(self.fc1(x)))


def fit(model, epochs):
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimiser.step()


def accuracy(model):
    return (model(x_test).argmax(1) == y_test).float().mean().item()


torch.manual_seed(0)
dense = Net()
fit(dense, 10)
accuracy(dense)

# %%
# Densities and masks
# -------------------
# The model starts with a convolution, so verbs that follow its wiring need the shape of one
# input. The output layer is kept whole unless ``prune_output=True``.

shape = data.image_shape
allocation = regions.allocate(dense, 0.05, input_shape=shape)
allocation

# %%
masks = regions.prune(dense, allocation, input_shape=shape)
masks.effective()  # every kept weight lies on a path from an input to an output

# %%
# Fine-tuning with the own loop
# -----------------------------
# ``apply`` puts the masks on the modules as `torch.nn.utils.prune` does: pruned weights stay
# zero.

pruned = copy.deepcopy(dense)
masks.apply(pruned)
fit(pruned, 5)
accuracy(dense), accuracy(pruned)

# %%
# Save and load again
# -------------------
# The checkpoint holds ``weight_orig`` and ``weight_mask``; it loads into a plain network.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "pruned.pt"
    torch.save({"state_dict": pruned.state_dict(), "epoch": 5}, path)
    reloaded = load_weights(Net(), path)
assert accuracy(reloaded) == accuracy(pruned)

# %%
# What it did to the layers
# -------------------------

comparison = regions.compare_layers(dense, reloaded, data.test.inputs, measure="cka")
comparison

# %%
# What it did to the function
# ---------------------------
# Linear regions on the plane through three test images, exactly.

plane = regions.Slice.through(
    data.test.inputs[:3], box=regions.Box.cube(64, data.test.inputs.min(), data.test.inputs.max())
)
before = regions.count_regions(dense, plane, input_shape=shape)
after = regions.count_regions(reloaded, plane, input_shape=shape)
print(before, after, sep="\n")

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, model, found in zip(axes, (dense, reloaded), (before, after), strict=True):
    regions.plot_regions(model, plane, ax=ax, input_shape=shape)
    ax.set_title(f"{found.count} regions")
