"""Checked input: samples in rows, neurons in columns, float64, centred."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from regions.errors import ArgumentError


def is_tensor(value: Any) -> bool:
    """Return whether `value` is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def host(value: Any) -> np.ndarray:
    """Return an array or a tensor on any device as a NumPy array."""
    return value.cpu().numpy() if is_tensor(value) else np.asarray(value)


def as_rows(values: Any, name: str = "X") -> Any:
    """Return (samples, neurons) values in float64: a NumPy array, or a tensor off the CPU."""
    rows = _tensor_rows(values) if is_tensor(values) else _array_rows(values, name)
    if rows.ndim != 2:
        raise ArgumentError(
            f"{name} has shape {tuple(rows.shape)}; expected (samples, neurons). For convolutional "
            "maps choose what a sample is: regions.representations.map_rows(maps, mode='spatial')"
        )
    if rows.shape[0] < 2 or rows.shape[1] < 1:
        raise ArgumentError(
            f"{name} has {rows.shape[0]} samples and {rows.shape[1]} neurons; "
            "expected at least 2 samples (rows) and 1 neuron (column)"
        )
    return rows


def _tensor_rows(tensor: Any) -> Any:
    import torch

    tensor = tensor.detach()
    wide = torch.complex128 if tensor.is_complex() else torch.float64
    if tensor.device.type in ("cpu", "mps"):  # Apple's devices have no float64
        return tensor.cpu().to(wide).numpy()
    return tensor.to(wide)


def _array_rows(values: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(values)
        wide = np.complex128 if np.iscomplexobj(array) else np.float64
        return array.astype(wide, copy=False)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"{name} is a {type(values).__name__} that is no numeric array; expected a NumPy "
            "array or torch tensor of shape (samples, neurons)"
        ) from error


def centre(rows: Any, name: str = "X") -> tuple[Any, np.ndarray]:
    """Return the rows minus their column means, and the means.

    The mean is corrected once: after a large offset the first one is off by rounding.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        mean = rows.mean(axis=0)
        if not np.isfinite(host(mean)).all():
            refuse_nonfinite(host(rows), name)
        centred = rows - mean
    drift = centred.mean(axis=0)
    if np.any(host(abs(drift)) > 1e-15 * host(abs(mean))):
        centred -= drift
    return centred, host(mean)


def refuse_nonfinite(rows: np.ndarray, name: str) -> None:
    """Raise ArgumentError with the number and the first place of NaN or infinite entries."""
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        raise ArgumentError(
            f"{name} has {len(bad)} NaN or infinite activations of {rows.size}, the first at "
            f"sample {bad[0][0]}, neuron {bad[0][1]}; expected finite numbers "
            "(did the network diverge, or half precision overflow?)"
        )
    raise ArgumentError(f"{name} has activations so large that their mean overflows float64")


def check_paired(n_x: int, n_y: int) -> None:
    """Raise ArgumentError unless both sides have the same number of samples."""
    if n_x != n_y:
        raise ArgumentError(
            f"X has {n_x} samples and Y has {n_y}; row i of both must be the same input. If "
            "samples are in columns, pass X.T and Y.T"
        )
