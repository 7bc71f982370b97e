"""What a program for `command` looks like: `python -m deidframe_command.demo INPUT OUTPUT`.

Of a folder of pictures it makes mosaics, of a folder of folders the mean of each. Yours may be written in anything.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

BLOCK = 32


def main(source: Path, made: Path) -> None:
    """Make a picture for each file or folder in `source`, under its name."""
    for one in sorted(source.iterdir()):
        if one.is_dir():
            pictures = [np.asarray(cv2.imread(str(path)), np.float64) for path in sorted(one.iterdir())]
            cv2.imwrite(str(made / f"{one.name}.png"), np.mean(pictures, axis=0).astype(np.uint8))
        else:
            picture = cv2.imread(str(one))
            if picture is None:  # what is not made is withheld
                continue
            height, width = picture.shape[:2]
            small = cv2.resize(picture, (max(1, width // BLOCK), max(1, height // BLOCK)), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(made / one.name), cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
