"""One epoch of gradient descent on one sparse perceptron, touching kept weights only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regions.kernels import kernel

# Sums may be reordered (that is what makes them fast); NaN and infinity keep their meaning.
_MATHS = {"reassoc", "contract", "nsz"}
_jit = kernel(makes_arrays=True, nogil=True, fastmath=_MATHS)


class Pattern(NamedTuple):
    """Where the kept weights of one perceptron are.

    Layer k maps `widths[k]` units to `widths[k + 1]`; unit u of the bottom layer is input
    `inputs[u]`. The kept weights of all layers are counted row by row: row i of layer k has
    number `row = row_starts[k] + i` and the weights t = `rows[row]`, .., `rows[row + 1] - 1`;
    weight t comes from unit `columns[t]` of the layer below. Its value is
    `values[weights[k] + t]`; the biases of layer k start at `values[biases[k]]`, or there are
    none if that is negative. `varies` tells for the units of all layers, from the bottom up,
    whether they depend on the image; the outputs always count as if they did.
    """

    inputs: np.ndarray
    widths: np.ndarray
    rows: np.ndarray
    row_starts: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    varies: np.ndarray


class Step(NamedTuple):
    """The numbers of one step of gradient descent."""

    rate: np.floating
    momentum: np.floating
    decay: np.floating
    nesterov: bool


@_jit
def mini_batches(images, order, batch, inputs):
    """Return some inputs of all images in order: (mini-batches, inputs, batch), padded with 0."""
    count = (len(order) + batch - 1) // batch
    found = np.zeros((count, len(inputs), batch), images.dtype)
    for place in range(len(order)):
        image = images[order[place]]
        for u in range(len(inputs)):
            found[place // batch, u, place % batch] = image[inputs[u]]
    return found


@_jit
def sparse_epoch(batches, inputs, labels, order, pattern, values, velocity, step):
    """Move `values` and `velocity` through all mini-batches; return the summed cross-entropy.

    `inputs` are the places in `batches` of the inputs that are read. Activations are (units,
    batch), so that every kept weight is one operation on a whole batch. A unit that does not vary
    has its one value, and its error summed over the batch, in column 0.
    """
    depth, batch = len(pattern.widths) - 1, batches.shape[2]
    tops = np.zeros(depth + 2, np.int64)
    tops[1:] = np.cumsum(pattern.widths)
    states = np.zeros((tops[-1], batch), values.dtype)
    errors = np.zeros((tops[-1], batch), values.dtype)
    total = 0.0
    for number in range(len(batches)):
        chosen = order[number * batch : (number + 1) * batch]
        for u in range(len(inputs)):
            states[u, :] = batches[number, inputs[u], :]
        for k in range(depth):
            _forward(k, k < depth - 1, len(chosen), tops, pattern, values, states)
        total += _softmax(labels, chosen, states[tops[depth] :], errors[tops[depth] :])
        for k in range(depth - 1, -1, -1):
            _backward(k, len(chosen), tops, pattern, values, velocity, states, errors, step)
    return total


@_jit
def _forward(k, rectify, size, tops, pattern, values, states):
    zero = values.dtype.type(0)
    for i in range(pattern.widths[k + 1]):
        out = states[tops[k + 1] + i, :size]
        row = pattern.row_starts[k] + i
        kept = range(pattern.rows[row], pattern.rows[row + 1])
        level = values[pattern.biases[k] + i] if pattern.biases[k] >= 0 else zero
        for t in kept:
            unit = tops[k] + pattern.columns[t]
            if not pattern.varies[unit]:
                level += values[pattern.weights[k] + t] * states[unit, 0]
        if not pattern.varies[tops[k + 1] + i]:
            out[0] = max(level, zero)
            continue
        out[:] = level
        for t in kept:
            unit = tops[k] + pattern.columns[t]
            if pattern.varies[unit]:
                weight, below = values[pattern.weights[k] + t], states[unit, :size]
                for j in range(size):
                    out[j] += weight * below[j]
        if rectify:
            for j in range(size):
                out[j] = max(out[j], zero)


@_jit
def _softmax(labels, chosen, outputs, errors):
    """Write the gradient of the mean cross-entropy; return the sum of the cross-entropies."""
    total, size = 0.0, len(chosen)
    for j in range(size):
        largest = outputs[0, j]
        for c in range(1, len(outputs)):
            largest = max(largest, outputs[c, j])
        norm = 0.0
        for c in range(len(outputs)):
            errors[c, j] = np.exp(outputs[c, j] - largest)
            norm += errors[c, j]
        label = labels[chosen[j]]
        total += np.log(norm) + largest - outputs[label, j]
        for c in range(len(outputs)):
            errors[c, j] /= norm * size
        errors[label, j] -= 1.0 / size
    return total


@_jit
def _backward(k, size, tops, pattern, values, velocity, states, errors, step):
    """Send the errors of layer k down, and move each weight once it has been used."""
    zero = values.dtype.type(0)
    errors[tops[k] : tops[k + 1], :size] = zero
    for i in range(pattern.widths[k + 1]):
        error, total = errors[tops[k + 1] + i, :size], zero
        for j in range(size if pattern.varies[tops[k + 1] + i] else 1):
            total += error[j]
        if pattern.biases[k] >= 0:
            _move(values, velocity, pattern.biases[k] + i, total, step)
        row = pattern.row_starts[k] + i
        for t in range(pattern.rows[row], pattern.rows[row + 1]):
            at, unit = pattern.weights[k] + t, tops[k] + pattern.columns[t]
            weight, gradient = values[at], zero
            state, below = states[unit, :size], errors[unit, :size]
            if not pattern.varies[unit]:
                gradient = state[0] * total
                below[0] += weight * total
            elif k == 0:  # nobody needs the errors of the inputs
                for j in range(size):
                    gradient += error[j] * state[j]
            else:
                for j in range(size):
                    gradient += error[j] * state[j]
                    below[j] += weight * error[j]
            _move(values, velocity, at, gradient, step)
    if k > 0:
        for unit in range(tops[k], tops[k + 1]):
            for j in range(size if pattern.varies[unit] else 1):
                if states[unit, j] <= zero:
                    errors[unit, j] = zero


@_jit
def _move(values, velocity, at, gradient, step):
    gradient += step.decay * values[at]
    speed = step.momentum * velocity[at] + gradient
    velocity[at] = speed
    values[at] -= step.rate * (gradient + step.momentum * speed if step.nesterov else speed)
