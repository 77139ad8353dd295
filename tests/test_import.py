"""`import regions` is quick: it loads no heavy library, and every public name is found."""

import subprocess
import sys

import regions

HEAVY = ("torch", "numba", "pandas", "matplotlib", "seaborn", "sklearn", "statsmodels", "pulp")


def test_import_loads_nothing_heavy():
    code = f"import sys, regions; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_public_name_is_found():
    assert all(getattr(regions, name) is not None for name in regions.__all__)
