"""The BibTeX entry of the software, from CITATION.cff."""

from __future__ import annotations

import re


def bibtex(citation: str, address: str) -> str:
    """Return the entry that CITATION.cff says; a field without a value is left out.

    Parameters
    ----------
    citation : str
        Text of CITATION.cff.
    address : str
        Of the project, where the file names none; "" if unknown.
    """
    found = dict(re.findall(r'^(?:  - )?([\w-]+): "?([^"\n]+)"?$', citation, re.MULTILINE))
    fields = {
        "author": f"{{{found['name']}}}",
        "title": found["title"],
        "version": found["version"],
        "year": found.get("date-released", "")[:4],
        "url": found.get("repository-code", found.get("url", address)),
    }
    rows = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join(["@software{regions,", *rows, "}"])
