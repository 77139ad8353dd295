"""Operations that need no rule: they move values, view them, or do not depend on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# run on labels: every value of the result is one of the arguments', or a constant
MOVING = frozenset(
    "clone _to_copy copy _unsafe_view _reshape_copy cat stack constant_pad_nd reflection_pad1d "
    "reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d "
    "index index_select gather take roll flip repeat tril triu fill zero masked_fill index_put "
    "index_copy index_fill scatter slice_scatter select_scatter diagonal_scatter where im2col "
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d "
    "_upsample_nearest_exact2d _upsample_nearest_exact3d rot90 pixel_shuffle pixel_unshuffle "
    "channel_shuffle native_channel_shuffle nan_to_num put diag_embed view_copy expand_copy "
    "permute_copy slice_copy select_copy".split()
)

_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
# the result does not depend on the values of the argument
_SHAPE_ONLY = frozenset(
    "zeros_like ones_like empty_like full_like new_zeros new_ones new_empty new_full "
    "new_empty_strided isnan".split()
)


def is_constant(operation: str, arguments: Mapping[str, Any]) -> bool:
    """Tell whether a result is the same for all finite values, as a test for NaN is."""
    if operation in _SHAPE_ONLY:
        return True
    x, other = arguments.get("self"), arguments.get("other")
    infinite = isinstance(other, float) and abs(other) == float("inf")
    return operation in _COMPARISONS and (infinite or other is x)


# other views of the same memory, made in place
_TURNING = "squeeze_ unsqueeze_ t_ transpose_ swapaxes_ swapdims_ detach_ as_strided_"
TURNING = frozenset(_TURNING.split())
