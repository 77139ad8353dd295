"""What the address of the project adds to a build: URLs, and a README without relative links.

No address is fixed in the sources: set REGIONS_URL (such as https://github.com/OWNER/regions) where
a release is built. Without it the README is taken as it is, and there are no URLs.
"""

import os
import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<path>(?!\w+:|#|/)[^)\s]+)\)")


class AddressHook(MetadataHookInterface):
    """Sets `readme` and `urls`."""

    def update(self, metadata: dict) -> None:
        """Set both, by the address that the environment names, if it names one."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        address = os.environ.get("REGIONS_URL", "").rstrip("/")
        if address:
            tag = f"v{metadata['version']}"
            metadata["urls"] = urls(address, tag)
            text = with_absolute_links(text, address, tag)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def urls(address: str, tag: str) -> dict[str, str]:
    """Return what PyPI shows beside the text."""
    return {
        "Source": address,
        "Documentation": f"{address}/tree/{tag}/docs",
        "Changelog": f"{address}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{address}/issues",
    }


def with_absolute_links(text: str, address: str, tag: str) -> str:
    """Return Markdown whose relative links and pictures lead to the release on the host.

    Addresses have the form of GitHub, which GitLab redirects.
    """

    def absolute(found: re.Match) -> str:
        kind = "raw" if found["picture"] else "blob"
        return f"{found['picture']}[{found['text']}]({address}/{kind}/{tag}/{found['path']})"

    return _LINK.sub(absolute, text)
