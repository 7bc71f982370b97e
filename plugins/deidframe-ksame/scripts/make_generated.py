"""Make the shipped faces of people who do not exist, from the points of W that deidframe-stylegan's bank holds.

    python plugins/deidframe-ksame/scripts/make_generated.py --count 1000

Five minutes on two cores. Needs deidframe-stylegan and deidframe-opencv-zoo.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Photos
from deidframe.host.catalogue import Catalogue
from deidframe_ksame.generated import FACES
from deidframe_stylegan.bank import load_bank
from deidframe_stylegan.generator import Generator

DRAWN = 256
CUT = slice(40, 240), slice(28, 228)
"""Rows and columns of a drawn picture in which the face lies; what encoders cut is inside."""
SIDE = 112
QUALITY = 82


def main() -> None:
    """Draw the faces and pack them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=1000)
    count = options.parse_args().count
    context = Context(seed=0, scratch=Path(tempfile.mkdtemp()), log=print)
    generator, bank = Generator(context), load_bank("sface")
    pack((generator.picture(w, DRAWN) for w in bank.w), count, context)


def pack(pictures: Iterable[NDArray[np.uint8]], count: int, context: Context) -> None:
    """Write the first `count` pictures in which the detector finds a face."""
    listed = Catalogue().load("detector", "yunet")
    detector = listed.make(listed.component.params(), context)
    packed: list[NDArray[np.uint8]] = []
    landmarks = []
    for picture in pictures:
        found = detector.detect(Photos.from_arrays(("face",), [picture]))
        if not len(found.scores):
            continue
        scale = SIDE / (CUT[0].stop - CUT[0].start)
        small = cv2.resize(picture[CUT], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        packed.append(cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].ravel())
        corner = np.array([CUT[1].start, CUT[0].start])
        landmarks.append((found.landmarks[int(found.scores.argmax())] - corner + 0.5) * scale - 0.5)
        if len(packed) == count:
            break
    ends = np.cumsum([len(one) for one in packed])
    np.savez(FACES, jpegs=np.concatenate(packed), ends=ends, landmarks=np.array(landmarks, np.float32))
    print(f"{FACES}: {len(packed)} faces, {FACES.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
