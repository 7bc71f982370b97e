"""An encoder whose input is no square is shown the same face as it cuts out itself."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from deidframe.contract import TorchEncoder, align

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("size", [112, (96, 128)])
def test_the_chip_is_what_the_encoder_warps(size: int | tuple[int, int]) -> None:
    from deidframe_cloaks.cloak import _Cloak

    height, width = (size, size) if isinstance(size, int) else size
    template = align.TEMPLATE * (width, height)
    encoder = TorchEncoder(lambda x: x, template, size)
    assert encoder.shape == (height, width)
    rows, columns = np.mgrid[0:256, 0:256]
    picture = np.stack([rows, columns, (rows + columns) / 2], axis=2).astype(np.uint8)
    marks = align.template(256).astype(np.float64)
    cloak = SimpleNamespace(_torch=torch, _encoder=encoder)
    chip = _Cloak._chip(cloak, torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32)), marks)
    own = align.warp_all(picture[None], marks[None], template, size)
    assert chip.shape == (1, 3, height, width)
    assert own.shape == (1, height, width, 3)
    off = np.abs(chip[0].numpy().transpose(1, 2, 0) - own[0].astype(np.float32))
    assert np.median(off) < 2
