"""Make the pictures of pages anew: `python docs/images/remake.py` with a Chromium; look at them before they are kept."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from deidframe.report.pdf import arguments, browser

HERE = Path(__file__).parent
WIDE, HIGH = 1000, 1350


def shot(page: Path, target: Path, width: int, height: int) -> None:
    """Write a picture of the top of a page."""
    program = browser()
    if program is None:
        sys.exit("no Chromium is there to look at pages with")
    with tempfile.TemporaryDirectory() as room:
        made = Path(room) / "page.png"
        words = [program, *arguments(Path(room) / "profile"), "--hide-scrollbars", f"--window-size={width},{height}"]
        subprocess.run([*words, f"--screenshot={made}", page.resolve().as_uri()], check=True, capture_output=True)
        Image.open(made).convert("RGB").save(target, optimize=True)
    print(f"{target.name}: {target.stat().st_size // 1024} KB")


def main() -> None:
    """Run the quickstart, explore it and set it beside a second run; take a picture of each page."""
    with tempfile.TemporaryDirectory() as room:
        runs = Path(room)
        deidframe = [sys.executable, "-m", "deidframe"]
        for name, more in (("first", ()), ("second", ("--set", "seed=8"))):
            subprocess.run([*deidframe, "run", "quickstart", "--out", runs / name, *more], check=True)
        subprocess.run([*deidframe, "explore", runs / "first"], check=True)
        subprocess.run([*deidframe, "compare", runs / "first", runs / "second", "-o", runs / "both"], check=True)
        shot(runs / "first" / "report.html", HERE / "report.png", WIDE, HIGH)
        shot(next((runs / "first").rglob("explore*.html")), HERE / "explore.png", WIDE, 800)
        shot(next((runs / "both").glob("*.html")), HERE / "compare.png", WIDE, 1100)


if __name__ == "__main__":
    main()
