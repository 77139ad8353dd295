"""
Regions, exactly
================

Counting the linear regions of one small network in several ways that must agree, between bounds
on both sides, and looking at them.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

import regions
from regions.counting import choose_method

rng = np.random.default_rng(0)
widths = [2, 16, 16, 3]
net = regions.as_network(
    [(rng.normal(size=(m, n)) / np.sqrt(n), rng.normal(size=m) / 3) for n, m in pairwise(widths)]
)
square = (-2, 2)  # every input between -2 and 2
print(choose_method(net, regions.Box.cube(2, *square)))
regions.count_regions(net, square)

# %%
# Engines that know nothing of each other must agree; ``sample`` gives a lower bound, and says so.

for method in ("plane", "cells", "vertices"):
    print(regions.count_regions(net, square, method=method).count)
regions.count_regions(net, square, method="sample", samples=2000, rng=0)

# %%
# Between bounds
# --------------
# Upper bounds hold for every network of these widths (``activation``: for these weights).

for kind in ("trivial", "montufar", "serra", "live", "activation"):
    print(regions.upper_bound(net, kind))

# %%
# Pictures
# --------

figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
for ax, by in zip(axes, ("region", "layer", "class"), strict=True):
    regions.plot_regions(net, square, by=by, ax=ax)

# %%
# One by one
# ----------
# Each region knows its affine map: net(x) == A x + c.

region = next(regions.enumerate_regions(net, square))
assert np.allclose(net(region.point[None]), region.A @ region.point + region.c)
region

# %%
# And which are neighbours:

graph = regions.region_graph(net, square)
len(graph), graph.number_of_edges()

# %%
# Pruned
# ------

masks = regions.prune(net, density=0.3)
regions.count_regions(net.masked(masks), square)
