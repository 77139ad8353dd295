"""CPU time of products with block-column-row sparse matrices, beside dense BLAS and CSR.

    python -m analyses.benchmarks.blocks

One Gaussian matrix in single precision, one thread, one process; products with one vector and
with a batch of columns. `csr` holds the same weights in `scipy.sparse`, `csr_unstructured` those
of an unstructured magnitude mask of the same density. Times are medians of many calls; ratios
below 1 mean that the blocks are faster. Energy is the share of the squared weights kept.
"""

from __future__ import annotations

import os

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")})

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from analyses.benchmarks.measuring import report
from analyses.block_storage import BlockMatrix
from analyses.catalogue import Entry
from regions.progress import track
from regions.pruning.methods.blocks import project_blocks

ENTRY = Entry(figure="products with blocks beside dense and CSR", minutes=None, inputs="none")


@dataclass(frozen=True)
class Config:
    """Settings of the benchmark."""

    size: int = 1024
    densities: tuple[float, ...] = (0.25, 0.1, 0.05)
    blocks: tuple[int, ...] = (16, 32, 64, 128, 256, 1024)
    batches: tuple[int, ...] = (1, 64)
    calls: int = 15
    """Calls per time; each form of the matrix has its turn before the next round."""
    out: Path = Path("out/benchmarks/blocks")
    smoke: bool = False
    """A small matrix, two cases."""


def medians(works: dict[str, Callable[[], np.ndarray]], calls: int) -> dict[str, float]:
    """Return the median CPU milliseconds of each work, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(calls):
        for name, work in works.items():
            start = time.process_time()
            work()
            times[name].append(1000 * (time.process_time() - start))
    return {name: float(np.median(values)) for name, values in times.items()}


def measure(density: float, block: int, config: Config) -> list[dict]:
    """Return one row per batch size for one mask."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(config.size, config.size)).astype(np.float32)
    count = int(density * matrix.size)
    start = time.process_time()
    mask = project_blocks(matrix, count, (block, block))
    projection = time.process_time() - start
    threshold = np.partition(np.abs(matrix), -count, axis=None)[-count]
    single = np.abs(matrix) >= threshold
    compact = BlockMatrix.from_dense(matrix, mask, block)
    masked, csr = matrix * mask, sparse.csr_array(matrix * mask)
    csr_single = sparse.csr_array(matrix * single)
    total = float((matrix**2).sum())
    rows = []
    for batch in config.batches:
        x = rng.normal(size=(config.size, batch)).astype(np.float32)
        x = x[:, 0].copy() if batch == 1 else x
        difference = np.abs(compact @ x - masked @ x).max()
        works = {
            "dense": lambda x=x: masked @ x,
            "csr": lambda x=x: csr @ x,
            "csr_unstructured": lambda x=x: csr_single @ x,
            "blocks": lambda x=x: compact @ x,
        }
        found = medians(works, config.calls)
        rows.append(
            {
                "density": density,
                "block": block,
                "batch": batch,
                **{f"{name}_ms": value for name, value in found.items()},
                **{f"ratio_to_{n}": found["blocks"] / found[n] for n in works if n != "blocks"},
                "index_bytes": compact.index_bytes,
                "csr_index_bytes": csr.indices.nbytes + csr.indptr.nbytes,
                "energy": float((masked**2).sum()) / total,
                "energy_unstructured": float((matrix[single] ** 2).sum()) / total,
                "projection_s": projection,
                "largest_difference": float(difference),
            }
        )
    return rows


def compute(config: Config) -> pd.DataFrame:
    """Return one row per density, block and batch."""
    if config.smoke:
        config = replace(config, size=64, densities=(0.25,), blocks=(16, 64), calls=3)
    cases = list(product(config.densities, config.blocks))
    rows = [measure(*case, config) for case in track(cases, show=True, label="products")]
    return pd.DataFrame([row for part in rows for row in part])


if __name__ == "__main__":
    report(Config, compute, "blocks", __doc__, digits=3)
