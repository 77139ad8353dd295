"""
SVCCA with references that make a claim mean something
======================================================

"SVCCA between the dense and the pruned network is .8" says nothing. Compared with another seed,
with the dense network trained on, and with the null, it does.
"""

import matplotlib.pyplot as plt
import pandas as pd

import regions
from regions.training import Recipe, build_model, evaluate, load_data, train

data = load_data("digits")
recipe = Recipe(epochs=12)
models = [build_model("mlp", data.image_shape, 10, seed=s, hidden=(20, 20)) for s in (0, 1)]
dense, other = train(models, data, recipe).models()

# %%
# Three networks to compare with the dense one: another seed, the dense one trained on, and the
# pruned one, fine-tuned for as long.

masks = regions.prune(dense, density=0.1)
on, pruned = train([dense, dense], data, Recipe(epochs=6), masks=[None, masks]).models()
evaluate([dense, other, on, pruned], data.test)

# %%
inputs = data.test.inputs
found = {
    "another seed": regions.compare_layers(dense, other, inputs),
    "trained on": regions.compare_layers(dense, on, inputs),
    "pruned to 10 %": regions.compare_layers(dense, pruned, inputs),
}
found["pruned to 10 %"]

# %%
values = {
    name: {layer.layer: layer.similarity.value for layer in comparison.layers}
    for name, comparison in found.items()
}
null = {layer.layer: layer.similarity.null for layer in found["another seed"].layers}
table = pd.DataFrame({**values, "null (unrelated layers)": null})
table.round(3)

# %%
# Read it from left to right: below "trained on", pruning did something that training alone does
# not; at "another seed" nothing of the dense network's own representation is left.

ax = table.plot(marker="o", figsize=(6, 4))
ax.set(xlabel="layer", ylabel="SVCCA with the dense network", ylim=(0, 1.02))
plt.tight_layout()
