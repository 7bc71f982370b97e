"""Decode one picture of whatever mode into upright RGB, or say in a few words why not."""

from __future__ import annotations

import functools
import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from deidframe.contract import UnreadablePhoto
from deidframe_folder.deep import BITS, to_eight_bits
from deidframe_folder.dicom import is_dicom, read_dicom

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
_OTHERS = (".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2")
_NEW = (".avif", ".avifs", ".heic", ".heif", ".hif", ".dcm", ".dicom")
EXTENSIONS = frozenset((*_JPEG, *_OTHERS, *_NEW))
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_FTYPES = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
HEAD = 132
"""Bytes by which a picture is told from anything else."""


def is_picture(head: bytes) -> bool:
    """Whether a file that begins like this is a picture, whatever it is called."""
    starts = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*", b"\x00\x00\x00\x0cjP  ")
    return (
        head.startswith(starts)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in _FTYPES)
        or is_dicom(head)
    )


@functools.cache
def _with_heif() -> None:
    """Let Pillow open HEIC, the format of telephones."""
    from pillow_heif import register_heif_opener

    register_heif_opener()


def read_picture(path: Path, max_megapixels: float = 100.0) -> NDArray[np.uint8]:
    """Return the pixels of a file; see `decode_picture`."""
    return _decoded(path, max_megapixels)


def decode_picture(data: bytes, max_megapixels: float = 100.0) -> NDArray[np.uint8]:
    """Return `(H, W, 3)` uint8 RGB, turned upright by its EXIF orientation, alpha laid on white, more bits scaled to 8.

    Args:
        data: of a picture file; of an animation the first frame is read.
        max_megapixels: a larger picture is refused before its pixels are decoded.

    Raises:
        UnreadablePhoto: not a picture, broken, truncated, or too large. The reason holds no path.
    """
    return _decoded(io.BytesIO(data), max_megapixels)


def _decoded(source: Path | io.BytesIO, max_megapixels: float) -> NDArray[np.uint8]:
    try:
        with warnings.catch_warnings():
            # a bomb is refused below by its declared size, and broken EXIF must not stop a readable picture
            warnings.simplefilter("ignore")
            head = _head(source)
            if is_dicom(head):
                return read_dicom(source, max_megapixels)
            if head[4:8] == b"ftyp":
                _with_heif()
            with Image.open(source) as opened:
                megapixels = opened.width * opened.height / 1e6
                if megapixels > max_megapixels:
                    raise UnreadablePhoto(f"picture of {megapixels:.0f} megapixels is larger than {max_megapixels:g}")
                deep = _deep(source, head, opened)
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


def _head(source: Path | io.BytesIO) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return stream.read(HEAD)
    return source.getvalue()[:HEAD]


def _deep(source: Path | io.BytesIO, head: bytes, opened: Image.Image) -> NDArray[np.uint8] | None:
    """Return the pixels in 8 bits where a file holds more and Pillow would cut them off; None for ordinary pictures."""
    tags = dict(getattr(opened, "tag_v2", {}))
    colours = opened.mode in ("RGB", "RGBA")
    bits = max(tags.get(BITS, (8,))) if isinstance(tags.get(BITS), tuple) else int(tags.get(BITS, 8))
    if colours and ((head.startswith(b"\x89PNG") and head[24:25] == b"\x10") or bits > 8):
        import cv2

        raw = np.fromfile(source, np.uint8) if isinstance(source, Path) else np.frombuffer(source.getvalue(), np.uint8)
        read = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
        if read is None or read.dtype == np.uint8 or read.ndim != 3:
            return None
        return to_eight_bits(read[:, :, 2::-1], tags)  # OpenCV's order is blue, green, red, alpha
    if opened.mode in _DEEP:
        return to_eight_bits(np.asarray(opened), tags)
    return None


def _upright_rgb(opened: Image.Image, deep: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
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
