"""No arrows run in a circle, and rooms stand where CONTRIBUTING draws them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "regions"


def imports_of(path: Path, package: Path) -> set[str]:
    """Return the modules that a file imports, anywhere in it, as dotted names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                found.add(deeper if file_of(deeper, package) else node.module)
    return {name for name in found if file_of(name, package)}


def file_of(module: str, package: Path) -> Path | None:
    parts = module.split(".")
    if parts[0] != package.name:
        return None
    path = package.joinpath(*parts[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@pytest.fixture(scope="module")
def house() -> dict[Path, set[Path]]:
    return arrows(PACKAGE)


def arrows(package: Path) -> dict[Path, set[Path]]:
    """Return for every file the files whose names it takes; packages' own faces left out."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        targets = {file_of(name, package) for name in imports_of(path, package)}
        found[path] = {target for target in targets if target} - {path}
    return found


def circles(graph: dict[Path, set[Path]]) -> list[set[Path]]:
    """Return the strongly connected components of more than one file (Tarjan)."""
    index, low, stack, found, counter = {}, {}, [], [], [0]

    def visit(node):
        index[node] = low[node] = counter[0]
        counter[0] += 1
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = set()
            while node not in part:
                part.add(stack.pop())
            if len(part) > 1:
                found.append(part)

    for node in graph:
        if node not in index:
            visit(node)
    return found


def drawn() -> dict[str, set[str]]:
    """Return for every room the rooms it may stand on, as CONTRIBUTING draws them."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (block,) = re.findall(r"((?:^    \S.*<-.*\n)+)", text, flags=re.MULTILINE)
    allowed: dict[str, set[str]] = {}
    for line in block.splitlines():
        below, *above = (part.strip() for part in line.split("<-"))
        for rooms in above:
            for room in re.split(r",\s*", rooms):
                allowed.setdefault(room, set()).update(re.split(r",\s*", below))
            below = rooms
    return allowed


def test_no_circles(house):
    found = [sorted(str(p.relative_to(ROOT)) for p in part) for part in circles(house)]
    assert found == []


def test_a_circle_would_be_seen(tmp_path):
    package = tmp_path / "house"
    package.mkdir()
    (package / "one.py").write_text("def f():\n    from house.two import g\n")
    (package / "two.py").write_text("from house.three import h\n")
    (package / "three.py").write_text("import house.one\n")
    assert len(circles(arrows(package))) == 1
    (package / "three.py").write_text("import json\n")
    assert circles(arrows(package)) == []


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("room", sorted({room_of(p) for p in PACKAGE.rglob("*.py")} - {"__init__"}))
def test_rooms_stand_where_they_are_drawn(room, house):
    allowed = drawn()
    known = set(allowed) | set().union(*allowed.values())
    assert room in known, f"CONTRIBUTING does not draw {room}"
    stands_on = {
        room_of(target)
        for path, targets in house.items()
        if room_of(path) == room
        for target in targets
    } - {room, "__init__"}
    may = allowed.get(room, set()) | allowed.get("every room", set())
    if "every room" in may:
        return
    assert stands_on <= may, f"{room} stands on {sorted(stands_on - may)}"
