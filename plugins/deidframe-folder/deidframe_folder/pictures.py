"""Decode one picture of whatever mode into upright RGB, or say in a few words why not."""

from __future__ import annotations

import functools
import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import UnreadablePhoto, decode
from deidframe_folder.dicom import is_dicom, read_dicom

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
_OTHERS = (".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2")
_NEW = (".avif", ".avifs", ".heic", ".heif", ".hif", ".dcm", ".dicom")
EXTENSIONS = frozenset((*_JPEG, *_OTHERS, *_NEW))
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
    """Return what `deidframe.contract.decode` does, of DICOM and HEIC, too.

    Raises:
        UnreadablePhoto: not a picture, broken, truncated, or too large. The reason holds no path.
    """
    return _decoded(data, max_megapixels)


def _decoded(source: Path | bytes, max_megapixels: float) -> NDArray[np.uint8]:
    try:
        head = _head(source)
        if is_dicom(head):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return read_dicom(source if isinstance(source, Path) else io.BytesIO(source), max_megapixels)
        if head[4:8] == b"ftyp":
            _with_heif()
    except UnreadablePhoto:
        raise
    except OSError:
        return decode(source, max_megapixels)  # says what is wrong with the file
    except Exception as error:
        raise UnreadablePhoto(f"picture is broken ({type(error).__name__})") from None
    return decode(source, max_megapixels)


def _head(source: Path | bytes) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return stream.read(HEAD)
    return source[:HEAD]
