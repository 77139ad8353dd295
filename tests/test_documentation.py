"""Every example in the README and in the docstrings runs and gives what it says."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

import regions

README = Path(__file__).parents[1] / "README.md"
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(regions.__path__, "regions.")
    if not module.name.endswith("__main__")
)
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    matplotlib.use("agg")
    plt.close("all")  # examples draw where nothing is drawn yet
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def without_examples(module, shown):
    """Return the exported names without an example.

    Classes and functions have their own; data stand in the example of some module.
    """
    found = []
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name)
        if inspect.ismodule(value):
            continue
        if inspect.isclass(value) or inspect.isroutine(value):
            inherited = inspect.isclass(value) and "__doc__" not in vars(value)
            if inherited or not doctest.DocTestParser().get_examples(value.__doc__ or ""):
                found.append(name)
        elif not re.search(rf"\b{name}\b", shown):
            found.append(name)
    return found


@pytest.fixture(scope="module")
def shown():
    """All statements of examples in modules' own docstrings."""
    docs = (importlib.import_module(name).__doc__ or "" for name in MODULES)
    parser = doctest.DocTestParser()
    return "".join(example.source for doc in docs for example in parser.get_examples(doc))


@pytest.mark.parametrize("name", ["regions", *MODULES])
def test_every_exported_name_has_an_example(name, shown):
    assert without_examples(importlib.import_module(name), shown) == []


def test_a_name_without_an_example_would_be_found():
    class Room:
        __all__ = ("bare", "count_regions", "DATA", "Inherited")

        def bare():
            """Do nothing."""

        class Inherited(Exception):
            pass

        count_regions, DATA = regions.count_regions, (1, 2)

    assert without_examples(Room, "") == ["bare", "DATA", "Inherited"]
    assert without_examples(Room, "DATA") == ["bare", "Inherited"]


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_readme_examples(index, tmp_path, monkeypatch):
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[index], f"README block {index}", "exec"), {})
