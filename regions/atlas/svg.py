"""A matplotlib SVG as a part of a page: ids of its own, any width, words for screen readers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def inline_svg(text: str, prefix: str, title: str, description: str) -> str:
    """Return the `svg` element of a file, ready to stand in an HTML page.

    Ids and the references to them get `prefix`, because those of several matplotlib figures
    collide; width and height go (the viewBox stays), and so do metadata.

    Parameters
    ----------
    text : str
        The file.
    prefix : str
        Unique in the page; a valid start of an id.
    title, description : str
        For screen readers; escaped here.

    Examples
    --------
    >>> start = '<svg xmlns="http://www.w3.org/2000/svg" width="9pt" viewBox="0 0 9 9">'
    >>> inline_svg(start + '<g id="a"/></svg>', "one", "Curve", "It falls.")
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" role="img" \
aria-labelledby="one-title one-desc"><title id="one-title">Curve</title>\
<desc id="one-desc">It falls.</desc><g id="one-a" /></svg>'
    """
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(text)
    for child in list(root):
        if child.tag == f"{{{_SVG}}}metadata":
            root.remove(child)
    for element in root.iter():
        _rename(element, prefix)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    for position, (name, words) in enumerate((("title", title), ("desc", description))):
        part = ElementTree.Element(f"{{{_SVG}}}{name}", {"id": f"{prefix}-{name}"})
        part.text = words
        root.insert(position, part)
    return ElementTree.tostring(root, encoding="unicode")


def _rename(element: ElementTree.Element, prefix: str) -> None:
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, f"{prefix}-{value}")
        elif name in ("href", f"{{{_XLINK}}}href") and value.startswith("#"):
            element.set(name, f"#{prefix}-{value[1:]}")
        elif "url(#" in value:
            element.set(name, _REFERENCE.sub(rf"url(#{prefix}-\1)", value))
