"""A headless Chromium driven through its own pipe, for tests of pages: what it sees, presses, asks for and complains of."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deidframe.report.pdf import arguments, browser

PROGRAM = browser()


class Page:
    """One tab.

    Args:
        write, read: ends of the pipes.
    """

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._left, self._number, self._session = write, read, b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")

    def _call(self, method: str, **params: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            got = self._next()
            if got.get("id") == self._number:
                assert "error" not in got, got
                return got["result"]
            self.events.append(got)

    def _next(self) -> Any:
        while b"\0" not in self._left:
            part = os.read(self._read, 1 << 16)
            assert part, "the browser went away"
            self._left += part
        one, _, self._left = self._left.partition(b"\0")
        return json.loads(one)

    def open(self, page: Path, width: int = 1200, *, dark: bool = False) -> None:
        """Open a file and wait until it is loaded."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._call("Emulation.setEmulatedMedia", features=scheme)
        self.events.clear()
        self._call("Page.navigate", url=page.resolve().as_uri())
        end = time.monotonic() + 60
        while self.run("document.readyState") != "complete" or self.run("location.href") == "about:blank":
            assert time.monotonic() < end, "the page does not load"
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """Return what a script on the page says."""
        done = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key and let it go."""
        said: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self._call("Input.dispatchKeyEvent", type="keyDown", **said, **({"text": text} if text else {}))
        self._call("Input.dispatchKeyEvent", type="keyUp", **said)

    def pdf(self) -> bytes:
        """Return the page as it is printed."""
        return base64.b64decode(self._call("Page.printToPDF")["data"])

    @property
    def complaints(self) -> list[str]:
        """Messages on the console, errors, and requests for anything but the page itself and data in it."""
        out = []
        for one in self.events:
            method, what = one.get("method", ""), one.get("params", {})
            if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                out.append(json.dumps(what)[:300])
            url = what.get("request", {}).get("url", "") if method == "Network.requestWillBeSent" else ""
            if url and not url.startswith(("data:", "blob:")) and what.get("type") != "Document":
                out.append(f"asks for {url}")
        return out


@contextmanager
def opened(scratch: Path) -> Iterator[Page]:
    """Give a tab of a fresh browser, and end it."""
    assert PROGRAM is not None
    to_browser, ours = os.pipe()
    theirs, from_browser = os.pipe()

    def places() -> None:  # the browser reads descriptor 3 and writes descriptor 4
        high = [os.dup(to_browser), os.dup(from_browser)]
        moved = [os.dup2(high[0], 60), os.dup2(high[1], 61)]
        os.dup2(moved[0], 3)
        os.dup2(moved[1], 4)

    words = [PROGRAM, *arguments(scratch / "profile"), "--remote-debugging-pipe", "about:blank"]
    process = subprocess.Popen(words, preexec_fn=places, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Page(ours, theirs)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
