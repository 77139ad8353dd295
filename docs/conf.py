"""The site: pages, a reference of every exported name, examples that run when it is built."""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from textwrap import indent

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from citation import bibtex  # noqa: E402

import regions  # noqa: E402

project = "regions"
author = "The regions authors"
copyright = author
version = release = regions.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["examples"]
templates_path = ["_templates"]
html_theme = "pydata_sphinx_theme"
html_title = f"regions {release}"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_copy_source = html_show_sourcelink = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "exclude-members": "__init__, __new__"}
autosummary_generate = True
autosummary_ignore_module_all = False
add_module_names = False
default_role = "code"  # docstrings put code between single backticks
suppress_warnings = ["config.cache"]

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/example_",
    "ignore_pattern": r"conf\.py",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": True,
    "remove_config_comments": True,
    "min_reported_time": 1e9,
    "show_memory": False,
    "image_scrapers": ("matplotlib",),
    "reset_modules": ("matplotlib",),
}

_ROOMS = {
    "regions": "What most scripts use",
    "regions.networks": "Models as networks, and domains",
    "regions.counting": "How many regions there are",
    "regions.bounds": "How many there can be",
    "regions.allocation": "The density of each layer",
    "regions.pruning": "Masks, criteria, removal of units",
    "regions.representations": "Similarity of layers",
    "regions.recall": "Whom pruning hurt",
    "regions.theory": "Kernels and what papers prove",
    "regions.training": "Data, models, many seeds at once",
    "regions.backdoor": "Hidden triggers, pruned away",
    "regions.atlas": "Every instrument on one page",
    "regions.figures": "Pictures for papers",
    "regions.errors": "What can be caught",
}


def _exported(module: object) -> list[str]:
    names = getattr(module, "__all__", None) or [
        name for name, value in vars(module).items() if isinstance(value, type)
    ]
    return [name for name in sorted(names) if not _is_module(module, name)]


def _is_module(module: object, name: str) -> bool:
    return type(getattr(module, name)).__name__ == "module"


def _write_reference() -> None:
    """Write one page per room with every name that it exports."""
    folder = HERE / "reference"
    folder.mkdir(exist_ok=True)
    pages = []
    for room, title in _ROOMS.items():
        module = importlib.import_module(room)
        names = _exported(module)
        constants = [n for n in names if not callable(getattr(module, n))]
        lines = [f"{room}: {title}", "=" * (len(room) + len(title) + 2), ""]
        if room == "regions":  # each is described in its own room
            homes = regions._HOME
            lines += [f"- :py:obj:`regions.{homes[n]}.{n}`" for n in names if n in homes]
        else:
            lines += [
                f".. currentmodule:: {room}",
                "",
                ".. autosummary::",
                "   :toctree: names",
                "",
            ]
            lines += [f"   {name}" for name in names if name not in constants]
        if constants:
            lines += ["", "Tables of names:", ""]
            lines += [f"- ``{name}``: {_listed(getattr(module, name))}" for name in constants]
        page = folder / f"{room}.rst"
        text = "\n".join(lines) + "\n"
        if not page.is_file() or page.read_text() != text:
            page.write_text(text)
        pages.append(f"   reference/{room}")
    index = HERE / "reference.rst"
    head = ["Reference", "=========", "", ".. toctree::", "   :maxdepth: 1", ""]
    text = "\n".join([*head, *pages]) + "\n"
    if not index.is_file() or index.read_text() != text:
        index.write_text(text)


def _listed(value: object) -> str:
    try:
        return ", ".join(f"``{name}``" for name in value)  # type: ignore[attr-defined]
    except TypeError:
        return f"``{value}``"


def _write_citation() -> None:
    """Write BibTeX of what CITATION.cff says; a field that it lacks is left out, not invented."""
    text = (HERE.parent / "CITATION.cff").read_text()
    entry = bibtex(text, os.environ.get("REGIONS_URL", "").rstrip("/"))
    lines = [".. code-block:: bibtex", "", indent(entry, "   ")]
    (HERE / "reference" / "bibtex.txt").write_text("\n".join(lines) + "\n")


def _escape(app, what, name, obj, options, lines: list[str]) -> None:
    """Keep the formulas of docstrings, |x| and (rows, *shape), from being read as markup."""
    code = False
    for index, line in enumerate(lines):
        code = bool(line.strip()) and (code or line.lstrip().startswith(">>>"))
        if not code and not line.lstrip().startswith(("..", "*")):
            parts = re.split(r"(``.+?``|`[^`]+`)", line)
            parts[::2] = [_plain(part) for part in parts[::2]]
            lines[index] = "".join(parts)


def _plain(text: str) -> str:
    stars = r"(?<![\\*\w])\*(?=[\w(])(?!\w+\*)|(?<=\w)\*(?=\w)"
    return re.sub(stars, r"\\*", text.replace("|", r"\|"))


def setup(app) -> None:
    app.connect("autodoc-process-docstring", _escape, priority=400)  # numpydoc reads what is left


_write_reference()
_write_citation()
