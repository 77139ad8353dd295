"""SVGs inside a page: two of the same file keep their ids apart, and words are escaped."""

import io
import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest

from regions.atlas.svg import inline_svg


@pytest.fixture(scope="module")
def file():
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1], marker="o")
    ax.imshow([[0, 1], [1, 0]])
    stream = io.StringIO()
    fig.savefig(stream, format="svg")
    plt.close(fig)
    return stream.getvalue()


def ids(text):
    return re.findall(r'\sid="([^"]+)"', text)


def references(text):
    return re.findall(r'(?:url\(#|href="#)([^)"]+)', text)


def test_ids_are_unique_in_a_page_and_every_reference_has_its_id(file):
    one, two = (inline_svg(file, name, "t", "d") for name in ("one", "two"))
    together = ids(one) + ids(two)
    assert len(set(together)) == len(together) > 40
    assert len(references(one)) > 10 and set(references(one)) <= set(ids(one))
    assert set(ids(file)) & set(ids(file))  # raw copies collide
    assert not set(ids(one)) & set(ids(two))


def test_it_fills_any_width_and_holds_no_addresses(file):
    root = ElementTree.fromstring(inline_svg(file, "one", "t", "d"))
    assert "viewBox" in root.attrib and not {"width", "height"} & set(root.attrib)
    assert not re.search(r'(?:href|src)="https?:', ElementTree.tostring(root, encoding="unicode"))
    assert "metadata" not in {element.tag.split("}")[1] for element in root.iter()}


def test_words_are_for_readers_and_escaped(file):
    text = inline_svg(file, "one", "<script>alert(1)</script>", "a & b")
    assert "<script>" not in text and "a &amp; b" in text
    root = ElementTree.fromstring(text)
    assert root[0].text == "<script>alert(1)</script>" and root[1].text == "a & b"
    assert root.get("aria-labelledby").split() == [root[0].get("id"), root[1].get("id")]
