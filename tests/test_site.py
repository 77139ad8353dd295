"""What the pages of the site and the README promise: that what they name is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import regions

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {page: page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.rst"))}
PAPERS = sorted((DOCS / "papers").glob("*.rst"))


def citation():
    spec = importlib.util.spec_from_file_location("citation", DOCS / "citation.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_entry_of_bibtex_has_author_year_and_address():
    text = (ROOT / "CITATION.cff").read_text()
    entry = citation().bibtex(text, "https://example.org/owner/regions")
    fields = dict(re.findall(r"^  (\w+) = \{(.+)\},$", entry, re.MULTILINE))
    assert [*fields] == ["author", "title", "version", "year", "url"]
    assert fields["version"] == regions.__version__
    dated = re.search(
        rf"^## {fields['version']} - (\d{{4}})-", (ROOT / "CHANGELOG.md").read_text(), re.M
    )
    assert dated is not None and dated[1] == fields["year"]
    assert fields["url"] == "https://example.org/owner/regions"
    assert "url" not in citation().bibtex(text, "")  # it is left out, not invented


def test_the_readme_is_short_shows_every_room_and_says_how_to_cite():
    assert len(README.splitlines()) < 150
    rooms = {path.parent.name for path in (ROOT / "regions").glob("*/__init__.py")} - {"exact"}
    shown = set(re.findall(r"[a-z]+", README.partition("## Start")[0]))
    assert rooms - shown - {"neighbourhoods"} == set()
    assert "\n## Cite\n" in README


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) > 8
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


@pytest.mark.parametrize("page", PAPERS, ids=lambda page: page.stem)
def test_a_page_of_a_paper_says_what_was_confirmed_and_what_was_not(page):
    text = PAGES[page]
    assert re.search(r"^\*\*(Confirmed|Ours)", text, re.M)
    assert re.search(r"^\*\*Not (confirmed|covered)", text, re.M)
    assert f"papers/{page.stem}" in PAGES[DOCS / "papers.rst"]


def test_every_picture_of_the_gallery_is_on_a_page_with_words():
    shown = {}
    for page, text in PAGES.items():
        for path, words in re.findall(r"\.\. image:: (\S+)\n\s+:alt: (.+)\n", text):
            shown[(page.parent / path).resolve()] = words
    pictures = set((ROOT / "analyses" / "gallery").glob("*.png"))
    in_readme = {(ROOT / path).resolve() for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)}
    assert {path.name for path in shown if not path.exists()} == set()
    assert {path.name for path in pictures - {*shown} - in_readme} <= {"atlas.png", "demo.png"}


def test_the_three_users_have_an_example_that_the_site_runs():
    names = {path.name for path in (DOCS / "examples").glob("example_*.py")}
    assert {"example_1_own_cnn.py", "example_2_recall_report.py", "example_3_regions.py"} <= names
    assert {"example_4_svcca.py", "example_5_theory.py"} <= names
    config = (DOCS / "conf.py").read_text()
    assert '"abort_on_example_error": True' in config and '"download_all_examples": True' in config
    assert "-W" in re.search(r"sphinx .*", (ROOT / "Makefile").read_text())[0]
    assert "make docs" in (ROOT / ".ci" / "run").read_text()
