"""Prints every direct dependency at its lowest version; torch as in constraints.txt."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
pinned = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
for requirement in (*project["dependencies"], *project["optional-dependencies"]["onnx"]):
    name, lowest = requirement.split(">=")
    print(f"{name}=={pinned['torch'] if name == 'torch' else lowest}")
