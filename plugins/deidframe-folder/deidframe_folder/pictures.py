"""Decode one picture of whatever mode into upright RGB, or say in a few words why not."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from deidframe.contract import UnreadablePhoto

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".avif"})
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def read_picture(path: Path, max_megapixels: float = 100.0) -> NDArray[np.uint8]:
    """Return `(H, W, 3)` uint8 RGB, turned upright by its EXIF orientation, alpha laid on white, 16 bits scaled to 8.

    Args:
        path: a picture file; of an animation the first frame is read.
        max_megapixels: a larger picture is refused before its pixels are decoded.

    Raises:
        UnreadablePhoto: not a picture, broken, truncated, or too large. The reason holds no path.
    """
    try:
        with warnings.catch_warnings():
            # a bomb is refused below by its declared size, and broken EXIF must not stop a readable picture
            warnings.simplefilter("ignore")
            with Image.open(path) as opened:
                megapixels = opened.width * opened.height / 1e6
                if megapixels > max_megapixels:
                    raise UnreadablePhoto(f"picture of {megapixels:.0f} megapixels is larger than {max_megapixels:g}")
                opened.load()
                return _upright_rgb(opened)
    except UnreadablePhoto:
        raise
    except UnidentifiedImageError:
        raise UnreadablePhoto("not a picture in a known format") from None
    except Image.DecompressionBombError:
        raise UnreadablePhoto("picture declares more pixels than can be decoded safely") from None
    except FileNotFoundError:
        raise UnreadablePhoto("file is missing") from None
    except PermissionError:
        raise UnreadablePhoto("no permission to read the file") from None
    except MemoryError:
        raise UnreadablePhoto("picture does not fit in memory") from None
    except Exception as error:  # decoders raise anything on broken bytes; one bad file must not stop the others
        raise UnreadablePhoto(f"picture is broken ({type(error).__name__})") from None


def _upright_rgb(opened: Image.Image) -> NDArray[np.uint8]:
    picture: Image.Image = opened
    if picture.mode in _SIXTEEN_BIT:
        # convert("RGB") clips 16 bits to white; the high byte is the picture
        deep: NDArray[Any] = np.asarray(picture).astype(np.int64)
        if deep.max(initial=0) > 255:
            deep = np.clip(deep, 0, 65535) >> 8
        picture = Image.fromarray(deep.astype(np.uint8))
        picture.info["exif"] = opened.info.get("exif", b"")
    elif picture.mode == "F":
        values = np.asarray(picture)
        top = 1.0 if float(values.max(initial=0)) <= 1.0 else 255.0
        picture = Image.fromarray(np.clip(np.nan_to_num(values) * (255.0 / top), 0, 255).astype(np.uint8))
    if opened.getexif().get(0x0112, 1) != 1:
        if picture is opened:
            picture = ImageOps.exif_transpose(opened)
        else:
            turn = Image.new("RGB", (1, 1)).getexif()
            turn[0x0112] = opened.getexif()[0x0112]
            picture.info["exif"] = turn.tobytes()
            picture = ImageOps.exif_transpose(picture)
    if "A" in picture.getbands() or "a" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, rgba)
    if picture.mode != "RGB":
        picture = picture.convert("RGB")
    return np.array(picture)
