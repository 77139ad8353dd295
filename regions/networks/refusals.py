"""Why an operation cannot be described: the error that names it, with the true reason."""

from __future__ import annotations

from regions.errors import UnsupportedModelError

SUPPORTED = (
    "Linear, convolutions (transposed ones too), BatchNorm, average and max pooling, means, sums, "
    "maxima and minima, ReLU, LeakyReLU, PReLU, ReLU6, Hardtanh, clamp, abs, addition, "
    "subtraction, products with constants, interpolation, Flatten, reshape, view, permute, slices, "
    "cat, chunk, padding, Dropout, Identity"
)

_SMOOTH = frozenset(
    "tanh sigmoid gelu silu mish elu celu selu softplus softmax _softmax log_softmax _log_softmax "
    "log_sigmoid_forward exp log sqrt rsqrt pow square sin cos native_layer_norm "
    "native_group_norm reciprocal var std _thnn_fused_lstm_cell lstm gru "
    "glu erf logsumexp hardswish _native_multi_head_attention "
    "_scaled_dot_product_flash_attention_for_cpu".split()
)
_PIECEWISE = frozenset("rrelu_with_noise sort topk cummax cummin median".split())
_BROKEN = frozenset(
    "sign floor ceil round trunc frac fmod remainder floor_divide hardshrink gt ge lt le eq ne "
    "argmax argmin heaviside sgn signbit bucketize searchsorted".split()
)


def is_known(operation: str) -> bool:
    """Tell whether the true reason against an operation is what it computes."""
    return operation in _SMOOTH | _PIECEWISE | _BROKEN


def unsupported(node: str, operation: str) -> UnsupportedModelError:
    """Return the error that refuses an operation without a rule, with the true reason."""
    if operation in _SMOOTH:
        hint = " It is not piecewise linear, so linear regions are not defined for it."
    elif operation in _PIECEWISE:
        hint = " It is piecewise linear, but this package's description does not support it yet."
    elif operation in _BROKEN:
        hint = " It jumps, so it is not continuous and piecewise linear."
        if operation in ("gt", "ge", "lt", "le"):
            hint += (
                " Choices by it that are continuous, as where(x > 0, x, 0.1 * x), are supported."
            )
    else:
        hint = ""
    return UnsupportedModelError(
        f"{node} is {operation!r}, which has no exact form in this package's description.{hint} "
        f"Supported: {SUPPORTED}"
    )
