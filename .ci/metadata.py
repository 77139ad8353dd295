"""Checks what two wheels say of the project: built without its address, and with it.

usage: .ci/metadata.py PLAIN.whl RELEASE.whl ADDRESS
"""

import re
import sys
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def metadata(path: str):
    with ZipFile(path) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        return message_from_bytes(wheel.read(name))


def text_of(found) -> str:
    return found.get_payload(decode=True).decode("utf-8").strip()


plain, release, address = metadata(sys.argv[1]), metadata(sys.argv[2]), sys.argv[3]
assert text_of(plain) == README.strip() and plain.get_all("Project-URL") is None
urls = dict(entry.split(", ", 1) for entry in release.get_all("Project-URL"))
assert set(urls) == {"Source", "Documentation", "Changelog", "Issues"}, urls
assert all(url.startswith(address) for url in urls.values()), urls
links = re.findall(r"\]\(([^)]+)\)", text_of(release))
relative = [link for link in links if not link.startswith("https://")]
assert not relative, f"links that PyPI cannot follow: {relative}"
tag = f"v{release['Version']}"
found = [re.fullmatch(f"{address}/(raw|blob)/{tag}/(.+)", link) for link in links]
ours = [(hit[1], hit[2]) for hit in found if hit]
assert {kind for kind, _ in ours} == {"raw", "blob"}, "no pictures or no pages"
missing = [path for _, path in ours if not (ROOT / path).exists()]
assert not missing, f"README links to what is not there: {missing}"
print(f"metadata: {len(ours)} links of README absolute, {len(urls)} URLs")
