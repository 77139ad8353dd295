"""A headless Chromium, driven over its DevTools protocol."""

import asyncio
import json
import re
import shutil
import subprocess
from urllib.request import Request, urlopen

from tornado.websocket import websocket_connect

PROGRAM = shutil.which("chromium")
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
]
_SECONDS = 120


class Page:
    """One open page: run scripts in it, set its width, and read what the console said."""

    def __init__(self, socket):
        self.socket = socket
        self.messages = []
        self._number = 0

    async def send(self, method, **parameters):
        """Return the result of one command; events that come meanwhile are kept."""
        self._number += 1
        text = json.dumps({"id": self._number, "method": method, "params": parameters})
        await self.socket.write_message(text)
        while True:
            answer = await self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    async def _read(self):
        message = await asyncio.wait_for(self.socket.read_message(), _SECONDS)
        answer = json.loads(message)
        if "method" in answer:
            self.messages.append(answer)
        return answer

    async def open(self, address):
        """Go to an address and wait until it is loaded."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")
        await self.send("Page.navigate", url=address)
        while not any(m["method"] == "Page.loadEventFired" for m in self.messages):
            await self._read()

    async def run(self, script):
        """Return the value of a JavaScript expression."""
        found = await self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def resize(self, width, height=900):
        """Lay the page out on a screen of this width."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.send("Emulation.setDeviceMetricsOverride", **size)

    async def press(self, key):
        """Press and release a key."""
        code = {"key": key, "code": key, "text": "\r"}
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, windowsVirtualKeyCode=13, **code)

    def complaints(self):
        """Return errors and warnings of the console, and uncaught exceptions."""
        return [
            message
            for message in self.messages
            if message["method"] == "Runtime.exceptionThrown"
            or (
                message["method"] == "Log.entryAdded"
                and message["params"]["entry"]["level"] in ("error", "warning")
            )
            or (
                message["method"] == "Runtime.consoleAPICalled"
                and message["params"]["type"] in ("error", "warning", "assert")
            )
        ]

    def requests(self):
        """Return every address that was asked for."""
        return [
            message["params"]["request"]["url"]
            for message in self.messages
            if message["method"] == "Network.requestWillBeSent"
        ]


def visit(address, profile, tour):
    """Start a browser, open `address`, and return what the coroutine ``tour(page)`` returns."""
    command = [PROGRAM, *_ARGUMENTS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as browser:
        try:
            return asyncio.run(_visit(_port(browser), address, tour))
        finally:
            browser.terminate()
            browser.communicate(timeout=_SECONDS)


def _port(browser):
    lines = []
    for line in browser.stderr:
        lines.append(line)
        if found := re.search(r"DevTools listening on ws://[^:]+:(\d+)/", line):
            return int(found[1])
    raise RuntimeError(f"the browser did not start: {''.join(lines)[-2000:]}")


async def _visit(port, address, tour):
    request = Request(f"http://127.0.0.1:{port}/json/new", method="PUT")
    with urlopen(request, timeout=_SECONDS) as answer:
        target = json.load(answer)["webSocketDebuggerUrl"]
    socket = await websocket_connect(target, max_message_size=2**27)
    page = Page(socket)
    try:
        await page.open(address)
        return await tour(page)
    finally:
        socket.close()
        # until the browser has answered: a loop that ends before leaves the connection open
        while await asyncio.wait_for(socket.read_message(), _SECONDS) is not None:
            pass
