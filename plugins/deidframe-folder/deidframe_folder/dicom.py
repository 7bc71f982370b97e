"""DICOM files: the pixels of the first frame, as a viewer would show them. Everything else of the file is left unread."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import UnreadablePhoto
from deidframe.contract.deep import to_eight_bits


def is_dicom(head: bytes) -> bool:
    """Whether a file's first 132 bytes are DICOM's."""
    return head[128:132] == b"DICM"


def read_dicom(path: Path | io.BytesIO, max_megapixels: float) -> NDArray[np.uint8]:
    """Return `(H, W, 3)` uint8 RGB.

    The modality's and the viewer's scales (rescale slope, window, look-up tables) are applied and inverted scales turned round.
    Text that was burned into the pixels stays: it is part of the picture, and nothing here looks for it.

    Raises:
        UnreadablePhoto: pydicom is not installed, there are no pixels, or they cannot be decoded.
    """
    try:
        import pydicom
        from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut, convert_color_space
    except ImportError:
        raise UnreadablePhoto("DICOM needs pydicom: python -m pip install pydicom") from None
    data: Any = pydicom.dcmread(path)
    if "PixelData" not in data:
        raise UnreadablePhoto("DICOM file without pixels")
    megapixels = int(data.Rows) * int(data.Columns) / 1e6
    if megapixels > max_megapixels:
        raise UnreadablePhoto(f"picture of {megapixels:.0f} megapixels is larger than {max_megapixels:g}")
    colours = int(data.get("SamplesPerPixel", 1))
    pixels = np.asarray(data.pixel_array)
    if int(data.get("NumberOfFrames", 1) or 1) > 1:
        pixels = pixels[0]
    if colours == 3:
        if str(data.PhotometricInterpretation).startswith("YBR"):
            pixels = convert_color_space(pixels, str(data.PhotometricInterpretation), "RGB")
        return np.ascontiguousarray(to_eight_bits(pixels) if pixels.dtype != np.uint8 else pixels)
    shown = np.asarray(apply_voi_lut(apply_modality_lut(pixels, data), data), np.float64)
    window = "WindowCenter" in data and "VOILUTSequence" not in data
    grey = to_eight_bits(np.clip(_between(shown, *_window(data)), 0, 1) if window else shown)
    if str(data.PhotometricInterpretation) == "MONOCHROME1":
        grey = 255 - grey
    return np.repeat(grey[:, :, None], 3, axis=2)


def _window(data: Any) -> tuple[float, float]:
    """Return what black and white of a windowed picture are: the ends of what the stored bits can say, after rescaling."""
    bits, signed = int(data.BitsStored), int(data.PixelRepresentation)
    ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    slope, intercept = float(data.get("RescaleSlope", 1)), float(data.get("RescaleIntercept", 0))
    return ends[0] * slope + intercept, ends[1] * slope + intercept


def _between(shown: NDArray[np.float64], black: float, white: float) -> NDArray[np.float64]:
    return (shown - black) / (white - black) if white > black else np.zeros_like(shown)
