"""Values that hardly any argument means, and which of them a function takes."""

import warnings

import numpy as np
import torch

from regions.errors import RegionsError

VALUES = {
    "text": "a",
    "open bracket": "(",
    "-1": -1,
    "0": 0,
    "2.5": 2.5,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "huge": 10**400,
    "None": None,
    "True": True,
    "list": [],
    "mapping": {},
    "object": object(),
    "ragged": [[1, 2], [3]],
    "masked": np.ma.array(np.ones((60, 3)), mask=np.eye(60, 3)),
    "texts": np.array([["1", "2"]]),
    "objects": np.array([None] * 3),
    "complex": np.arange(180).reshape(60, 3) * 1j,
    "no rows": np.ones((0, 3)),
    "NaNs": np.full((60, 3), np.nan),
    "sparse": torch.eye(3).to_sparse(),
}


def taken(function, base, argument, leave_out=()):
    """Return the names of the values that do not raise one of the package's own errors.

    Any other exception is none of its own, and ends the test.
    """
    found = set()
    for name, value in VALUES.items():
        if name in leave_out:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                function(**{**base, argument: value})
        except RegionsError as error:
            assert len(str(error)) > 10
        else:
            found.add(name)
    return found
