"""Made clips in which it is known where every face is: people who do not exist, moved over a background."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 640, 360


@dataclass(frozen=True)
class Shown:
    """A face in a frame: who, middle and height of its oval in pixels, turn in degrees."""

    who: int
    x: float
    y: float
    tall: float
    turn: float = 0.0


@dataclass(frozen=True)
class Clip:
    """What is shown in each frame, and what happens to the frame as a whole."""

    name: str
    frames: tuple[tuple[Shown, ...], ...]
    change: Callable[[np.ndarray, int], np.ndarray] = lambda picture, n: picture
    scene: Callable[[int], int] = lambda n: 0


def faces() -> list[np.ndarray]:
    """Return pictures of people who do not exist."""
    import deidframe_people

    folder = Path(deidframe_people.__file__).parent / "faces"
    paths = [sorted(one.glob("*.jpg"))[0] for one in sorted(folder.iterdir()) if one.is_dir()]
    return [cv2.imread(str(path)) for path in paths[:12]]


def background(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    coarse = rng.integers(30, 200, (5, 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def draw(clip: Clip, pictures: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield RGB frames."""
    for n, shown in enumerate(clip.frames):
        frame = background(clip.scene(n)).copy()
        for one in shown:
            face = pictures[one.who % len(pictures)]
            side = face.shape[0]
            scale = one.tall / (0.52 * side)
            matrix = cv2.getRotationMatrix2D((side / 2, side * 0.55), one.turn, scale)
            matrix[:, 2] += (one.x - side / 2, one.y - side * 0.55)
            laid = cv2.warpAffine(face, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
            mask = np.zeros((side, side), np.float32)
            cv2.ellipse(mask, (side // 2, int(side * 0.52)), (int(side * 0.36), int(side * 0.47)), 0, 0, 360, 1, -1)
            alpha = cv2.warpAffine(cv2.GaussianBlur(mask, (0, 0), 3), matrix, (WIDTH, HEIGHT))[..., None]
            frame = np.rint(alpha * laid + (1 - alpha) * frame).astype(np.uint8)
        yield np.ascontiguousarray(clip.change(frame, n)[:, :, ::-1])


def inner(one: Shown) -> np.ndarray:
    """Return which pixels are the inner part of a face: brows to mouth."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    size = (max(2, int(0.30 * one.tall)), max(2, int(0.36 * one.tall)))
    cv2.ellipse(mask, (int(one.x), int(one.y)), size, -one.turn, 0, 360, 1, -1)
    return mask.astype(bool)


def _along(count: int, make: Callable[[float, int], tuple[Shown, ...]]) -> tuple[tuple[Shown, ...], ...]:
    return tuple(make(n / max(count - 1, 1), n) for n in range(count))


def _hidden(picture: np.ndarray, n: int) -> np.ndarray:
    out = picture.copy()
    out[100:260, 290:320] = (40, 120, 60)  # a post
    return out


def _smeared(picture: np.ndarray, n: int) -> np.ndarray:
    return np.asarray(cv2.blur(picture, (55, 1)), np.uint8) if 15 <= n < 22 else picture


CLIPS = (
    Clip("pan", _along(50, lambda s, n: (Shown(0, 90 + 460 * s, 180, 110),))),
    Clip("zoom", _along(50, lambda s, n: (Shown(1, 320, 180, 40 + 180 * s),))),
    Clip("roll", _along(50, lambda s, n: (Shown(2, 320, 180, 120, 40 * np.sin(6 * s)),))),
    Clip("post", _along(50, lambda s, n: (Shown(3, 160 + 320 * s, 180, 110),)), _hidden),
    Clip("smear", _along(40, lambda s, n: (Shown(4, 200 + 240 * s, 180, 100),)), _smeared),
    Clip("dark", _along(30, lambda s, n: (Shown(5, 300 + 40 * s, 180, 120),)), lambda p, n: (p * 0.1).astype(np.uint8)),
    Clip("small", _along(40, lambda s, n: (Shown(6, 200 + 100 * s, 150, 26), Shown(7, 420, 200 - 40 * s, 24)))),
    Clip("edge", _along(40, lambda s, n: (Shown(8, 20 + 120 * s, 180, 130),))),
    Clip("flash", _along(30, lambda s, n: (Shown(9, 320, 180, 120),)), lambda p, n: np.full_like(p, 250) if n == 14 else p),
    Clip("crowd", _along(30, lambda s, n: tuple(Shown(k, 80 + 95 * k + 20 * s, 120 + 90 * (k % 2), 70) for k in range(6)))),
    Clip("cuts", _along(60, lambda s, n: (Shown(n // 12, 200 + 60 * (n // 12 % 3), 180, 110),)), scene=lambda n: n // 12),
    Clip("short", _along(30, lambda s, n: (Shown(10, 320, 180, 110),) if n in (8, 9, 20) else ())),
)


def write(path: Path, frames: Iterator[np.ndarray], **options: object) -> Path:
    """Write frames as H.264 in MP4 or another container; `times` gives their times in `base`."""
    import av

    times = options.get("times")
    base = options.get("base", Fraction(1, 25))
    with av.open(str(path), "w") as out:
        for key, value in dict(options.get("metadata", {})).items():  # type: ignore[call-overload]
            out.metadata[key] = value
        stream = out.add_stream(str(options.get("codec", "libx264")), rate=25)
        stream.pix_fmt = str(options.get("pix_fmt", "yuv420p"))
        stream.codec_context.time_base = base  # type: ignore[assignment]
        stream.options = {"crf": "16", "preset": "veryfast", **options.get("options", {})}  # type: ignore[dict-item]
        sound = out.add_stream("aac", rate=44100) if options.get("sound") else None
        for n, picture in enumerate(frames):
            if not n:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = (times[n] if times else n), base  # type: ignore[index,assignment]
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            for n in range(40):
                wave = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                wave.sample_rate, wave.pts = 44100, 1024 * n
                out.mux(sound.encode(wave))
            out.mux(sound.encode(None))
    return path
