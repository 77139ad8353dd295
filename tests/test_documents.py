"""Results as pages, Markdown and LaTeX: the same words and numbers; other endings are refused."""

from __future__ import annotations

import re

import matplotlib
import numpy as np
import pytest

import regions
from regions.cli import main
from regions.documents import as_html, as_latex, as_markdown

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def recalls(tmp_path_factory):
    rng = np.random.default_rng(0)
    dense = rng.binomial(1000, [0.9, 0.95, 0.7, 0.8], (12, 4))
    pruned = {r: rng.binomial(dense, 1 - np.array([1, 1, 3, 2]) / 100 * r) for r in (2, 10)}
    both = dict(pruned)
    table = regions.RecallTable.from_counts(dense, pruned, n=1000, k_both=both)
    path = tmp_path_factory.mktemp("recall") / "recalls.csv"
    table.to_frame().to_csv(path, index=False, sep=";")
    return path


def test_the_report_has_sentences_table_and_figure_in_every_form(recalls, tmp_path, capsys) -> None:
    found = regions.recall.report(recalls)
    brief = found.to_frame(brief=True)
    for ending in (".html", ".md", ".tex"):
        path = tmp_path / f"report{ending}"
        assert main(["recall", str(recalls), "-o", str(path)]) == 0
        text = path.read_text()
        assert "lost more than the others at 10x" in text and "alpha is" in text
        assert all(f"{value:.4g}" in text for value in brief["alpha"])
        found.write(tmp_path / f"again{ending}")
        assert (tmp_path / f"again{ending}").read_text() == text
    with pytest.raises(regions.errors.ArgumentError, match="its ending says no form"):
        found.write(tmp_path / "report.txt")
    capsys.readouterr()
    page, paper = (tmp_path / "report.html").read_text(), (tmp_path / "report.tex").read_text()
    assert page.count("<svg") == 1 and "prefers-color-scheme" in page
    assert "\\toprule" in paper and "$>$" in paper and len(max(_rows(paper), key=len)) < 120


def _rows(paper: str) -> list[str]:
    return [line for line in paper.splitlines() if not line.startswith("%")]


def test_text_is_escaped_in_every_form() -> None:
    masks = regions.Masks({"a_<b>&": np.eye(2)})
    assert "a_&lt;b&gt;&amp;" in as_html(masks) and "<b>&" not in as_html(masks)
    assert r"a\_<b>\&" in as_latex(masks)
    assert re.search(r"\| a_<b>& +\| 4", as_markdown(masks))


@pytest.mark.parametrize("name", ["a.txt", "a.xlsx", "a"])
def test_other_endings_are_refused_before_the_work(name, tmp_path, capsys) -> None:
    path = tmp_path / name
    assert main(["bound", "784,20,10", "-o", str(path)]) == 1
    assert ".html" in capsys.readouterr().err and not path.exists()
