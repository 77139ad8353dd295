"""The page in headless Chromium: quiet, complete, sortable, and no wider than its screen."""

import pandas as pd
import pytest

browser = pytest.importorskip("browser", reason="tornado, of the extra dask, drives the browser")
pytestmark = pytest.mark.skipif(
    browser.PROGRAM is None, reason="there is no chromium on the path (apt-get install chromium)"
)

FIGURES = """
[...document.querySelectorAll("figure svg")].map((svg) => {
  const box = svg.getBoundingClientRect();
  return [svg.closest("figure").id, box.width, box.height, svg.querySelectorAll("path").length];
})
"""
WIDTHS = "[document.documentElement.scrollWidth, window.innerWidth]"
ORDER = """
[...document.querySelectorAll("#rows tr")].map((row) => row.cells[INDEX].dataset.value)
"""
SORTED = """
[...document.querySelectorAll("thead tr:last-child th")].map((th) => th.ariaSort)
"""


async def tour(page):
    found = {"complaints": [], "widths": {}, "figures": {}}
    for width in (1280, 400):
        await page.resize(width)
        found["widths"][width] = await page.run(WIDTHS)
        found["figures"][width] = await page.run(FIGURES)
    found["scrolls"] = await page.run(
        "(() => { const box = document.querySelector('.scroll');"
        " return box.scrollWidth > box.clientWidth; })()"
    )
    head = "document.querySelector('[data-key=regions_plane] button')"
    index = await page.run(f"{head}.parentNode.cellIndex")
    order = ORDER.replace("INDEX", str(index))
    found["unsorted"] = await page.run(order)
    await page.run(f"{head}.click()")
    found["rising"], found["marked"] = await page.run(order), await page.run(SORTED)
    await page.run(f"{head}.focus()")
    await page.press("Enter")
    found["falling"], found["marked_again"] = await page.run(order), await page.run(SORTED)
    await page.run("document.querySelector('thead tr:last-child button').click()")
    found["methods"] = await page.run(ORDER.replace("INDEX", "0"))
    found["unknown"] = await page.run(
        "(() => { const head = document.querySelector('[data-key=regions_plane]');"
        " document.querySelector('#rows tr').cells[head.cellIndex].dataset.value = '';"
        " head.firstElementChild.click(); head.firstElementChild.click();"
        " return [...document.querySelectorAll('#rows tr')]"
        ".map((row) => row.cells[head.cellIndex].dataset.value); })()"
    )
    found["references"] = await page.run(
        "[...document.querySelectorAll('#references tr')].map((row) => row.cells[0].innerText)"
    )
    found["svg"] = await page.run(
        "(() => { const link = document.querySelector('a[data-figure]');"
        " link.addEventListener('click', (event) => event.preventDefault());"
        " link.click(); return link.href; })()"
    )
    found["complaints"], found["requests"] = page.complaints(), page.requests()
    return found


@pytest.fixture(scope="module")
def seen(saved, tmp_path_factory):
    page = saved / "atlas.html"
    return browser.visit(page.as_uri(), tmp_path_factory.mktemp("profile"), tour)


def test_the_console_is_silent_and_nothing_is_fetched(seen):
    assert seen["complaints"] == []
    assert all(address.startswith(("file:", "data:")) for address in seen["requests"])


@pytest.mark.parametrize("width", [1280, 400])
def test_no_sideways_scroll(seen, width):
    needed, there = seen["widths"][width]
    assert there == width and needed <= width


def test_the_wide_table_scrolls_in_its_own_box(seen):
    assert seen["scrolls"]


@pytest.mark.parametrize("width", [1280, 400])
def test_every_figure_is_there_and_has_a_size(seen, atlas, width):
    figures = seen["figures"][width]
    assert [name for name, *_ in figures] == [exhibit.name for exhibit in atlas.exhibits()]
    for _, wide, high, paths in figures:
        assert 200 < wide <= width and high > 150 and paths > 10


def test_the_table_sorts_by_click_and_by_key(seen, saved):
    table = pd.read_csv(saved / "atlas.csv", dtype=str)
    expected = table["regions_plane"][2:].tolist()
    assert seen["unsorted"] == expected
    assert seen["rising"] == sorted(expected, key=float)
    assert seen["rising"] != expected
    assert seen["falling"] == sorted(expected, key=float, reverse=True)
    assert seen["marked"].count("ascending") == 1 and seen["marked"].count("none") > 5
    assert seen["marked_again"].count("descending") == 1
    assert seen["methods"] == sorted(table["method"][2:])
    assert seen["references"] == table["method"][:2].tolist()


def test_unknown_numbers_stay_last(seen):
    values = seen["unknown"]
    known = [float(value) for value in values if value]
    assert len(known) == len(values) - 1 > 1
    assert values[: len(known)] == [value for value in values if value]
    assert known == sorted(known, reverse=True)


def test_a_figure_can_be_taken_away(seen):
    assert seen["svg"].startswith("blob:")
