"""The page as a file: the numbers of its CSV, nothing from elsewhere, names that stay text."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from regions.atlas.page import Panel, Sheet, render
from regions.atlas.svg import inline_svg
from regions.figures.provenance import file_hash

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>'
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


class Reader(HTMLParser):
    """Collects cells of the table, attributes of all elements, and ids."""

    def __init__(self):
        super().__init__()
        self.elements, self.rows, self._body, self._cell = [], [], None, None

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.elements.append((tag, found))
        if tag == "tbody":
            self._body = found["id"]
        elif tag == "tr" and self._body:
            self.rows.append([])
        elif tag in ("td", "th") and self._body:
            self._cell = [found["data-value"], ""]
            self.rows[-1].append(self._cell)
        elif tag == "span":
            self._cell = None  # the interval is no part of the number

    def handle_endtag(self, tag):
        if tag == "tbody":
            self._body = None
        if tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell[1] += data


@pytest.fixture(scope="module")
def page(saved):
    return (saved / "atlas.html").read_text()


@pytest.fixture(scope="module")
def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


def test_the_numbers_are_those_of_the_csv(read, saved, atlas):
    table = pd.read_csv(saved / "atlas.csv", dtype=str, keep_default_na=False)
    assert len(read.rows) == len(table) == 6
    for cells, (_, row) in zip(read.rows, table.iterrows(), strict=True):
        assert cells[0] == [row["method"], row["method"]]
        assert float(cells[1][1]) == float(row["density"])
        for (value, text), column in zip(cells[2:], atlas.quantities, strict=True):
            assert value == row[column.key]
            assert text == (column.text(float(value)) if value else "–")
            if value:
                shown = float(text.replace(",", ""))
                places = int(column.form[-2])
                assert shown == pytest.approx(column.scale * float(value), abs=0.6 * 10**-places)


def test_every_column_says_what_it_is_over_which_domain_and_its_status(page, atlas):
    for column in atlas.quantities:
        for words in (column.what, column.domain):
            assert words.replace("'", "&#39;").replace("<", "&lt;").replace(">", "&gt;") in page
        assert f'class="status {column.status}"' in page


def test_nothing_is_loaded_from_elsewhere(page, read):
    for _, attributes in read.elements:
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), (name, value[:60])
    assert set(re.findall(r"https?://[^\s\"'<)]+", page)) <= NAMESPACES
    assert "@import" not in page and not {"link", "iframe"} & {
        tag for tag, found in read.elements if found.get("href") != "data:,"
    }


def test_ids_are_unique(read):
    ids = [found["id"] for _, found in read.elements if "id" in found]
    assert len(ids) == len(set(ids)) > 100


def test_downloads_hold_the_files(read, saved):
    held = {
        found["download"]: base64.b64decode(found["href"].partition("base64,")[2]).decode()
        for tag, found in read.elements
        if tag == "a" and found.get("download", "").endswith(".csv")
    }
    files = {path.name: path for path in [*saved.glob("*.csv"), *saved.glob("figures/*.csv")]}
    assert held.keys() == files.keys() and len(held) > 10
    assert all(held[name] == path.read_text() for name, path in files.items())


def test_figures_have_words_for_those_who_cannot_see_them(read):
    pictures = [found for tag, found in read.elements if tag == "svg"]
    ids = {found.get("id") for _, found in read.elements}
    assert pictures
    for found in pictures:
        assert found["role"] == "img" and set(found["aria-labelledby"].split()) <= ids


def test_names_are_text_and_never_markup(atlas):
    nasty = '<img src=x onerror="alert(1)">&\'"'
    row = atlas.table.index == 2
    table = atlas.table.assign(method=atlas.table["method"].mask(row, nasty))
    changed = replace(atlas, model=nasty, data=nasty, notes=(nasty,), table=table)
    words = {"name": nasty, "title": nasty, "csv": nasty}
    panel = Panel(**words, caption=nasty, svg=inline_svg(PICTURE, "one", nasty, nasty))
    text = render(changed, [panel], [Sheet(**words)], {**atlas.run.record(), "config": nasty})
    reader = Reader()
    reader.feed(text)
    assert not [tag for tag, found in reader.elements if tag == "img" or "onerror" in found]
    assert text.count("&lt;img src=x") >= 10
    assert [cells[0][1] for cells in reader.rows][2] == nasty  # and it can be read


def test_the_record_says_where_it_came_from(saved):
    record = json.loads((saved / "run.json").read_text())
    assert record["config"]["model"] == "small_mlp" and record["config"]["data"] == "digits"
    assert record["outputs"]["atlas.html"] == file_hash(saved / "atlas.html")
    assert {"atlas.csv", "networks.csv", "slices.csv", "layers.csv", "recalls.csv"} <= set(
        record["outputs"]
    )


def test_the_tables_can_be_read_again(saved):
    from regions.recall import report

    found = report(saved / "recalls.csv", analyses=["published"]).to_frame()
    assert set(found["algorithm"]) == {"dense, trained on", "magnitude", "random+repair"}
    counts = pd.read_csv(saved / "slices.csv")["regions"]
    assert (counts == counts.astype(int)).all()


def test_every_colour_of_the_page_has_one_for_dark_screens(page):
    style = page.partition("<style>")[2].partition("</style>")[0]
    light, _, rest = style.partition("@media (prefers-color-scheme: dark)")
    dark = rest.partition("}")[0]
    named = [set(re.findall(r"(--[a-z]+): #", part)) for part in (light, dark)]
    assert len(named[0]) >= 10 and named[0] == named[1]
