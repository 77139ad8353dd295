"""
From a CSV of recalls to a report
=================================

A table of recalls per class, of several networks before and after pruning: did the classes that
were recognised worst lose most?
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import regions

# %%
# The table
# ---------
# A column per class, numbers in per cent, rows of ratio "dense" for the dense networks, and a row
# of model "n" with the number of test images of each class. Here it is simulated: twelve networks
# whose weak classes lose more at 50x.

classes = ["cat", "dog", "emu", "fox", "gnu"]
rng = np.random.default_rng(0)
truth = np.array([0.85, 0.9, 0.7, 0.95, 0.8])
loss = {"dense": 0.0, 2: 0.0, 10: 0.1, 50: 0.5}
rows = [("n", "dense", *[1000] * 5)]
for model in range(12):
    own = truth + rng.normal(0, 0.01, 5)
    for ratio, strength in loss.items():
        recall = own - strength * (1 - own) - (0.02 if ratio == 2 else 0)
        rows.append((f"seed{model}", ratio, *(rng.binomial(1000, recall) / 10)))
table = pd.DataFrame(rows, columns=["model", "ratio", *classes])
table.head()

# %%
# The report
# ----------
# On the command line this is ``regions recall recalls.csv -o report.html`` (or ``.md``, ``.tex``,
# ``.csv``).

folder = Path(tempfile.mkdtemp())
table.to_csv(folder / "recalls.csv", index=False)
report = regions.recall.report(folder / "recalls.csv")
print(report.summary())

# %%
# The same in few columns, for a paper.

report.to_frame(brief=True)

# %%
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
report.plot(ax)

# %%
# How many networks would tell?
# -----------------------------
# A difference of .05 in alpha at 10x, where models differ as they do in this report: the standard
# deviation over models is the standard error times the root of their number. Three ratios are
# tested, which asks for more networks than one would.

row = report.to_frame().query("analysis == 'published' and ratio == 10").iloc[0]
regions.replicates(sd=row["standard_error"] * row["n_models"] ** 0.5, delta=0.05, tests=3)
