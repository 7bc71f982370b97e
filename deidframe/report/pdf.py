"""Print a page to PDF with the Chromium of this machine; nothing is loaded, and nothing is sent."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from deidframe.contract.errors import StoreError, UsageError
from deidframe.record.write import write_bytes

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
"""Programs that print, by name; the first one that is there."""
SECONDS = 120
QUIET = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
"""A browser that opens one file and asks for nothing else: no name is ever resolved."""


def browser() -> str | None:
    """Return the path of a Chromium on this machine, None without one."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def arguments(home: Path) -> list[str]:
    """Return the words that start it so that it asks for nothing and keeps nothing outside `home`."""
    jailed = ["--no-sandbox"] if os.geteuid() == 0 else []  # its own sandbox does not start for root
    return [*QUIET, *jailed, f"--user-data-dir={home}"]


def print_page(page: Path) -> Path:
    """Print `report.html` to `report.pdf` beside it and return the PDF's path.

    Raises:
        UsageError: there is no Chromium. StoreError: it printed nothing.
    """
    program = browser()
    if program is None:
        raise UsageError(f"no Chromium is there to print with (looked for {', '.join(BROWSERS)}); or open the page and print it")
    with tempfile.TemporaryDirectory(prefix="deidframe-print-") as scratch:
        made = Path(scratch) / "page.pdf"
        words = [program, *arguments(Path(scratch) / "profile"), "--no-pdf-header-footer", f"--print-to-pdf={made}"]
        try:
            done = subprocess.run([*words, page.resolve().as_uri()], capture_output=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StoreError(f"{program} did not print: {error}") from None
        if not made.is_file():
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
            raise StoreError(f"{program} printed nothing: {last[0]}")
        printed = page.with_suffix(".pdf")
        write_bytes(printed, made.read_bytes())
    return printed
