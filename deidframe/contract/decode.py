"""Decode one picture of whatever mode into upright RGB, or say in a few words why not."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.deep import BITS, to_eight_bits
from deidframe.contract.errors import UnreadablePhoto

if TYPE_CHECKING:
    from PIL import Image

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


def decode(source: bytes | Path, max_megapixels: float = 100.0) -> NDArray[np.uint8]:
    """Return `(H, W, 3)` uint8 RGB, turned upright by its EXIF orientation, alpha laid on white, more bits scaled to 8.

    What a source's opener is mostly made of: JPEG, PNG, WebP, TIFF, GIF, BMP, JPEG 2000, AVIF, and what else Pillow was taught.

    Args:
        source: a picture file, or what is in one; of an animation the first frame is read.
        max_megapixels: a larger picture is refused before its pixels are decoded.

    Raises:
        UnreadablePhoto: not a picture, broken, truncated, or too large. The reason holds no path.
    """
    from PIL import Image, UnidentifiedImageError  # here, so that listing plugins stays light

    try:
        with warnings.catch_warnings():
            # a bomb is refused below by its declared size, and broken EXIF must not stop a readable picture
            warnings.simplefilter("ignore")
            with Image.open(source if isinstance(source, Path) else io.BytesIO(source)) as opened:
                megapixels = opened.width * opened.height / 1e6
                if megapixels > max_megapixels:
                    raise UnreadablePhoto(f"picture of {megapixels:.0f} megapixels is larger than {max_megapixels:g}")
                deep = _deep(source, opened)
                opened.load()
                return _upright_rgb(opened, deep)
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


def _deep(source: bytes | Path, opened: Image.Image) -> NDArray[np.uint8] | None:
    """Return the pixels in 8 bits where a file holds more and Pillow would cut them off; None for ordinary pictures."""
    tags = dict(getattr(opened, "tag_v2", {}))
    colours = opened.mode in ("RGB", "RGBA")
    bits = max(tags.get(BITS, (8,))) if isinstance(tags.get(BITS), tuple) else int(tags.get(BITS, 8))
    if colours and (bits > 8 or (_head(source).startswith(b"\x89PNG") and _head(source)[24:25] == b"\x10")):
        import cv2

        raw = np.fromfile(source, np.uint8) if isinstance(source, Path) else np.frombuffer(source, np.uint8)
        read = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
        if read is None or read.dtype == np.uint8 or read.ndim != 3:
            return None
        return to_eight_bits(read[:, :, 2::-1], tags)  # OpenCV's order is blue, green, red, alpha
    if opened.mode in _DEEP:
        return to_eight_bits(np.asarray(opened), tags)
    return None


def _head(source: bytes | Path) -> bytes:
    """Return the first bytes of a file."""
    if isinstance(source, bytes):
        return source[:25]
    with source.open("rb") as stream:
        return stream.read(25)


def _upright_rgb(opened: Image.Image, deep: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    picture: Image.Image = opened if deep is None else Image.fromarray(deep)
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
