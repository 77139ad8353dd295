"""The doors by which values leave torch, below which nothing follows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from regions.networks.trace import Trace, tensors_in


class Leaks(TorchFunctionMode):
    """Refuses a model that takes values of the input out of torch, where nothing follows them."""

    _DOORS = frozenset(
        "numpy __array__ tolist data_ptr untyped_storage storage __deepcopy__ __dlpack__ "
        "__reduce_ex__ __cuda_array_interface__ to_dlpack _to_dlpack const_data_ptr "
        "__repr__ __format__ __float__ __int__ __index__ __complex__".split()
    )
    # these read tensors in lists as numbers, below what the trace sees
    _LISTS = frozenset("tensor as_tensor asarray new new_tensor __getitem__ __setitem__".split())

    def __init__(self, trace: Trace):
        super().__init__()
        self._trace = trace

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call one torch function."""
        name, read = getattr(func, "__name__", ""), []
        if name in self._DOORS:
            read = args[:1]
        elif name in self._LISTS:
            lists = tree_leaves(args[1:2], is_leaf=lambda value: isinstance(value, list))
            lists = [*args[:1], *lists, *args[2:], *(kwargs or {}).values()]
            read = [value for value in lists if isinstance(value, (list, tuple))]
        held = [value for value in tensors_in(read) if self._trace.memory.holds(value)]
        if held:
            raise self._trace.refuse(self._trace.control_flow(name, held))
        return func(*args, **(kwargs or {}))
