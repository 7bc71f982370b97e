"""Read and write video files by PyAV: every frame with its own time, sound as it was, and nothing else of the file."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from deidframe.contract.errors import PluginError, StoreError, UnreadablePhoto
from deidframe.engine.scenes.frames import Planes

SUFFIXES = frozenset(
    (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp", ".wmv", ".flv")
)
KEPT_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"))
"""Kinds of sound that an MP4 file holds."""
MOST_PIXELS = 2**26
"""Pixels of a frame; more is a bomb."""
QUALITY = "18"
NO_STREAM = "no video stream in it"


@dataclass(frozen=True)
class Info:
    """What a file is.

    Args:
        width, height: of the upright frames, even.
        time_base: unit of frame times.
        rate: frames a second, about.
        bits: 8 or 10.
        aspect: of a pixel.
        colours: primaries, transfer, matrix and range, as numbers of the container.
        sound: streams of sound that can be kept, of how many.
        left_out: what of the file is left out, in words.
        about: frames, as the file says, or as its length makes likely.
    """

    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    bits: int
    aspect: Fraction
    colours: tuple[int, int, int, int]
    sound: tuple[int, int]
    left_out: tuple[str, ...]
    about: int


@dataclass(frozen=True)
class Frame:
    """One decoded frame: its number, its time in the stream's unit, its planes, and whether the decoder calls it damaged."""

    number: int
    time: int
    planes: Planes
    damaged: bool


def pyav() -> Any:
    """Return PyAV.

    Raises:
        PluginError: it is not installed.
    """
    try:
        import av
    except ImportError:
        raise PluginError("video needs PyAV: python -m pip install av") from None
    av.logging.set_libav_level(av.logging.PANIC)
    av.logging.restore_default_callback()  # its own takes the interpreter's lock, for which a closing decoder waits for ever
    return av


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file to read.

    Raises:
        UnreadablePhoto: it is no video.
    """
    av = pyav()
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (OSError, ValueError) as error:
        raise UnreadablePhoto(f"not a video that can be read ({type(error).__name__})") from None
    try:
        yield container
    finally:
        container.close()


def info_of(path: Path) -> Info:
    """Return what a file is, read off its first frame.

    Raises:
        UnreadablePhoto: no video stream, no frame, or more pixels than a frame may have.
    """
    with _opened(path) as container:
        if not container.streams.video:
            raise UnreadablePhoto(NO_STREAM)
        stream = container.streams.video[0]
        if stream.codec_context.width * stream.codec_context.height > MOST_PIXELS:
            raise UnreadablePhoto(f"frames of {stream.codec_context.width}x{stream.codec_context.height} are too large")
        frames = _frames(container, stream, threads="NONE")
        first = next(frames, None)
        frames.close()
        if first is None:
            raise UnreadablePhoto("no frame of it can be decoded")
        planes = Planes.of(first)
        height, width = planes.y.shape
        turned = round(first.rotation / 90) % 2
        aspect = stream.sample_aspect_ratio or Fraction(1)
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        left = []
        if len(container.streams.video) > 1:
            left.append(f"{len(container.streams.video) - 1} more video streams")
        others = len(container.streams) - len(container.streams.video) - len(container.streams.audio)
        left += [f"{others} streams of subtitles or data"] if others else []
        left += ["one row or column of an odd size"] if (first.height | first.width) & 1 else []
        sound = sum(one.codec_context.name in KEPT_SOUND for one in container.streams.audio)
        left += (
            [f"{len(container.streams.audio) - sound} streams of sound that MP4 cannot hold"]
            if sound < len(container.streams.audio)
            else []
        )
        colours = tuple(int(value) for value in (first.color_primaries, first.color_trc, first.colorspace, first.color_range))
        return Info(
            width,
            height,
            Fraction(stream.time_base),
            rate,
            planes.bits,
            1 / aspect if turned else aspect,
            colours,  # type: ignore[arg-type]
            (sound, len(container.streams.audio)),
            tuple(left),
            int(stream.frames or float((container.duration or 0) / 1e6) * rate) or 1,
        )


def _frames(container: Any, stream: Any, threads: str = "AUTO") -> Generator[Any]:
    """Yield the frames that can be decoded; a broken packet ends nothing before the end of the file."""
    av = pyav()
    stream.thread_type = threads
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError):  # the file ends in the middle
            return
        try:
            yield from packet.decode()
        except (av.error.FFmpegError, ValueError):
            continue


def read(path: Path) -> Iterator[Frame]:
    """Yield all frames of the first video stream that can be decoded, in the order in which they are shown.

    Raises:
        UnreadablePhoto: it is no video.
    """
    with _opened(path) as container:
        if not container.streams.video:
            raise UnreadablePhoto(NO_STREAM)
        number, last = 0, None
        stream = container.streams.video[0]
        step = max(1, round(1 / (Fraction(stream.average_rate or stream.guessed_rate or 25) * Fraction(stream.time_base))))
        size = None
        with closing(_frames(container, container.streams.video[0])) as frames:  # before the container, whose threads it holds
            for frame in frames:
                planes = Planes.of(frame)
                size = size or planes.y.shape
                if planes.y.shape != size:
                    raise UnreadablePhoto("its frames change their size")
                time = frame.pts
                if time is None or (last is not None and time <= last):  # no time, or one that is over: it follows the one before
                    time = 0 if last is None else last + step
                yield Frame(number, int(time), planes, bool(frame.is_corrupt))
                number, last = number + 1, int(time)


def write_segment(path: Path, info: Info, frames: Iterable[tuple[int, Planes]]) -> None:
    """Encode frames with their times into a file of one segment, by one thread: the bytes depend on neither cores nor time.

    Raises:
        StoreError: the disk is full.
    """
    av = pyav()
    part = path.with_suffix(".part")
    try:
        with av.open(str(part), "w", format="nut", options={"fflags": "+bitexact"}) as out:
            stream = out.add_stream("libx264" if info.bits == 8 else "libx265", rate=info.rate)
            stream.width, stream.height = info.width, info.height
            stream.pix_fmt = "yuv420p" if info.bits == 8 else "yuv420p10le"
            context = stream.codec_context
            context.time_base, context.sample_aspect_ratio, context.thread_count = info.time_base, info.aspect, 1
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = info.colours
            context.max_b_frames = 0
            context.options = {"preset": "veryfast", "crf": QUALITY, "forced-idr": "1", "bf": "0"}
            if info.bits > 8:
                context.options = {**context.options, "x265-params": "log-level=none:pools=none:frame-threads=1:bframes=0:info=0"}
            strip = av.bitstream.BitStreamFilterContext(
                "filter_units=remove_types=6" if info.bits == 8 else "filter_units=remove_types=39|40", stream
            )
            for time, planes in frames:
                fresh = av.VideoFrame(info.width, info.height, stream.pix_fmt)
                planes.write_to(fresh)
                fresh.pts, fresh.time_base = time, info.time_base
                for packet in stream.encode(fresh):
                    for clean in strip.filter(packet):
                        out.mux(clean)
            for packet in stream.encode(None):
                for clean in strip.filter(packet):
                    out.mux(clean)
            for clean in strip.filter(None):
                out.mux(clean)
        part.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {str(path)!r}: {error}") from error


def join(segments: list[Path], source: Path, target: Path, info: Info, *, sound: bool) -> None:
    """Put the packets of segments into one MP4 file, and the sound's beside them, as they were.

    Raises:
        StoreError: the disk is full.
    """
    av = pyav()
    part = target.with_suffix(".part")
    scale = info.time_base.denominator
    options = {"movflags": "+faststart", "video_track_timescale": str(scale), "fflags": "+bitexact"}
    options["write_btrt"] = "0"  # bit rates are guessed while a file is opened, and guesses differ
    try:
        with av.open(str(part), "w", format="mp4", options=options) as out:
            first = av.open(str(segments[0]))
            stream = out.add_stream_from_template(first.streams.video[0])
            stream.metadata.clear()
            stream.time_base = info.time_base
            first.close()
            with _opened(source) as original:
                kept = [one for one in original.streams.audio if one.codec_context.name in KEPT_SOUND] if sound else []
                copies = {one.index: out.add_stream_from_template(one) for one in kept}
                for copy in copies.values():
                    copy.metadata.clear()
                pictures = ((float(p.pts * p.time_base), 0, n, p, stream) for n, p in enumerate(_packets(av, segments)))
                heard = (
                    (float((p.dts or 0) * p.time_base), 1, n, p, copies[p.stream.index])
                    for n, p in enumerate(_sound(av, original, kept))
                )
                for _, _, _, packet, into in heapq.merge(pictures, heard):
                    packet.stream = into
                    out.mux(packet)
        part.replace(target)
    except OSError as error:
        raise StoreError(f"cannot write {str(target)!r}: {error}") from error


def _packets(av: Any, segments: list[Path]) -> Iterator[Any]:
    for path in segments:
        with av.open(str(path)) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.size and packet.pts is not None:
                    yield packet


def _sound(av: Any, original: Any, kept: list[Any]) -> Iterator[Any]:
    if not kept:
        return
    packets = original.demux(*kept)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):
            return
        if packet.size and packet.dts is not None:
            yield packet
