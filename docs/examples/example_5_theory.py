"""
Kernels and theory
==================

What happens to the tangent kernel of a network whose weights are pruned at random, and what
samples cost when a sparse direction has to be found.
"""

import matplotlib.pyplot as plt
import numpy as np

from regions import theory

rng = np.random.default_rng(0)
x, y = rng.normal(size=(2, 10))
x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
depth, density = 2, 0.5
limit = theory.limit_ntk(x, y, depth)
limit

# %%
# Finite widths
# -------------
# Kernels of randomly pruned networks of growing width, with weights rescaled by 1 /
# sqrt(density).

widths = [16, 64, 256]
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for rescaled in (True, False):
    draws = np.array(
        [
            [
                theory.random_ntk(x, y, [width] * depth, density, rescaled=rescaled, rng=seed)
                for seed in range(20)
            ]
            for width in widths
        ]
    ).reshape(len(widths), -1)
    label = "rescaled" if rescaled else "as pruned"
    ax.errorbar(widths, draws.mean(1), draws.std(1), marker="o", capsize=3, label=label)
ax.axhline(limit, color="0.4", ls="--", label="limit")
factor = theory.limit_factor(density, depth)
ax.axhline(factor * limit, color="0.4", ls=":", label="limit times its factor")
ax.set(xscale="log", xlabel="width", ylabel="kernel (mean and sd of 20 draws)")
ax.set_xticks(widths, [str(width) for width in widths])
ax.minorticks_off()
ax.legend()

# %%
# A kernel of one's own network
# -----------------------------

net = [(rng.normal(size=(32, 10)), None), (rng.normal(size=(1, 32)), None)]
points = rng.normal(size=(4, 10))
theory.empirical_ntk(net, points).round(1)

# %%
# Finding a sparse direction
# --------------------------
# y depends on two of 64 inputs. The first gradient, split into its even and odd parts, finds
# them.

inputs = rng.normal(size=(4000, 64))
target = inputs[:, 3] * inputs[:, 7]
theory.screen(inputs, target, 4, rng=0)
