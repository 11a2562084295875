import builtins
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from endolink.model.errors import (
    ExtraMissing,
    SourceMissing,
    VideoError,
    VideoTooLarge,
    VideoUnreadable,
)
from endolink.model.frame import Limits
from endolink.model.video import TimedFrame, frames

av = pytest.importorskip("av", reason="video needs the archive extra: pip install '.[archive]'")

WIDTH, HEIGHT, RATE, COUNT = 160, 128, 15, 45
CODECS = {".webm": "libvpx-vp9", ".mp4": "mpeg4", ".avi": "mjpeg", ".mkv": "ffv1"}


def picture(index: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A picture whose corners differ, and whose red tells its number."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = index * 4
    pixels[:, : width // 2, 1] = 200
    pixels[: height // 2, :, 2] = 160
    return pixels


def write(
    path: Path,
    indices: list[int] | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    **options: str,
) -> Path:
    """Write a clip; `indices` are its pictures' times, in pictures."""
    codec = CODECS[path.suffix]
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if codec == "libvpx-vp9":
            stream.options = {"deadline": "realtime", "cpu-used": "8"}
        for number, index in enumerate(indices or range(COUNT)):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_all(path: Path, **options: Any) -> tuple[list[TimedFrame], VideoError | None]:
    """Read what can be read, and the error that came after it."""
    found: list[TimedFrame] = []
    try:
        for timed in frames(path, **options):
            found.append(timed)  # noqa: PERF402 - what came before an error is what matters
    except VideoError as error:
        return found, error
    return found, None


@pytest.mark.parametrize("suffix", CODECS)
def test_every_picture_comes_with_its_time(tmp_path: Path, suffix: str) -> None:
    found = list(frames(write(tmp_path / f"clip{suffix}")))
    assert len(found) == COUNT
    assert [timed.time_s for timed in found] == pytest.approx(
        [index / RATE for index in range(COUNT)], abs=0.001
    )
    inner = slice(8, None, 16)  # away from the edges, where the codecs lose most
    for index, timed in enumerate(found):
        expected = picture(index)[inner, inner]
        assert np.abs(timed.frame.pixels[inner, inner].astype(int) - expected).max() < 20
        assert timed.frame.sequence == index


def test_a_frame_is_as_any_other(tmp_path: Path) -> None:
    frame = next(frames(write(tmp_path / "clip.mkv"))).frame
    assert (frame.pixels.shape, frame.pixels.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
    assert (frame.width, frame.height, frame.scale) == (WIDTH, HEIGHT, 1.0)
    assert frame.sha256 == hashlib.sha256(frame.pixels.tobytes()).hexdigest()
    assert not frame.pixels.flags.writeable


def test_uneven_times_are_kept_and_start_at_zero(tmp_path: Path) -> None:
    found = list(frames(write(tmp_path / "clip.mkv", [30, 31, 35, 60])))
    assert [timed.time_s for timed in found] == pytest.approx(
        [0, 1 / RATE, 5 / RATE, 30 / RATE], abs=0.002
    )


@pytest.mark.parametrize("suffix", [".webm", ".mp4"])
def test_every_s_thins_without_drift(tmp_path: Path, suffix: str) -> None:
    found = list(frames(write(tmp_path / f"clip{suffix}"), every_s=0.5))
    # At 15 a second the first pictures at or after 0, 0.5, 1, ... s.
    assert [timed.frame.sequence for timed in found] == [0, 8, 15, 23, 30, 38]


def test_every_s_across_a_pause_gives_one_picture_a_span(tmp_path: Path) -> None:
    found = list(frames(write(tmp_path / "clip.mkv", [0, 1, 2, 40, 41, 42, 46]), every_s=1.0))
    assert [timed.frame.sequence for timed in found] == [0, 3, 6]


@pytest.mark.parametrize("every_s", [0.0, -1.0, float("nan")])
def test_every_s_is_a_duration(tmp_path: Path, every_s: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        next(frames(tmp_path / "clip.mkv", every_s=every_s))


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),  # a quarter clockwise, as phones write it
        ((0, -1, 1, 0), lambda a: np.rot90(a, 1)),
        ((-1, 0, 0, -1), lambda a: np.rot90(a, 2)),
    ],
)
def test_rotation_is_applied(
    tmp_path: Path,
    matrix: tuple[int, int, int, int],
    turn: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
) -> None:
    path = write(tmp_path / "clip.mp4")
    plain = [timed.frame.pixels for timed in frames(path)]
    # The track header's display matrix (ISO/IEC 14496-12, 8.3.2), 16.16 fixed point.
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    for place, value in zip((0, 4, 12, 16), matrix, strict=True):
        data[at + place : at + place + 4] = (value << 16).to_bytes(4, "big", signed=True)
    path.write_bytes(data)
    for timed, pixels in zip(frames(path), plain, strict=True):
        assert np.array_equal(timed.frame.pixels, turn(pixels))
        assert (timed.frame.height, timed.frame.width) == timed.frame.pixels.shape[:2]


# What is refused


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing):
        next(frames(tmp_path / "clip.mp4"))


@pytest.mark.parametrize(
    "data",
    [b"", b"Patient: none", bytes(5000), b"RIFF\0\0\0\0AVI ", b"\x89PNG\r\n\x1a\n" + bytes(100)],
)
def test_not_a_video(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    with pytest.raises(VideoUnreadable):
        next(frames(path))


def test_a_folder_is_not_a_video(tmp_path: Path) -> None:
    with pytest.raises(VideoUnreadable):
        next(frames(tmp_path))


def test_a_playlist_is_not_followed(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mkv")
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nclip.mkv\n#EXT-X-ENDLIST\n"
    for name, text in (
        ("a.m3u8", hls),
        ("a.ffconcat", f"ffconcat version 1.0\nfile {clip.name}\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(VideoUnreadable, match="container"):
            next(frames(tmp_path / name))


def test_sound_alone_is_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), "s16", "mono")
        sound.rate = 8000
        sound.pts = 0
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(VideoUnreadable, match="no video"):
        next(frames(path))


def test_too_many_pixels(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4")
    assert next(frames(path, limits=Limits(max_pixels=WIDTH * HEIGHT)))
    with pytest.raises(VideoTooLarge, match="160 × 128"):
        next(frames(path, limits=Limits(max_pixels=WIDTH * HEIGHT - 1)))


def test_too_small(tmp_path: Path) -> None:
    with pytest.raises(VideoUnreadable, match="at least 32"):
        next(frames(write(tmp_path / "clip.mp4", size=(64, 16))))


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name == "av":
            raise ImportError(name)
        return real(name, *rest, **options)

    path = write(tmp_path / "clip.mp4")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExtraMissing, match=r"pip install 'endolink\[archive\]'"):
        next(frames(path))


def test_having_the_module_does_not_load_ffmpeg() -> None:
    code = "import sys, endolink.model.video; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=os.environ).returncode == 0


# Damage: what can be read is read, and then it is said


@pytest.mark.parametrize("suffix", [".webm", ".mp4", ".avi", ".mkv"])
@pytest.mark.parametrize("share", [0.4, 0.85])
def test_a_file_cut_short_gives_what_came_before_and_then_the_error(
    tmp_path: Path, suffix: str, share: float
) -> None:
    # An MP4 that was cut can be read where its index lies at the front.
    options: dict[str, Any] = {"movflags": "faststart"} if suffix == ".mp4" else {}
    path = write(tmp_path / f"clip{suffix}", **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    found, error = read_all(path)
    assert isinstance(error, VideoUnreadable)
    assert f"{len(found)} pictures" in error.detail
    assert 0.2 * COUNT < len(found) < COUNT
    assert [timed.frame.sequence for timed in found] == list(range(len(found)))


def test_a_damaged_middle_costs_what_is_damaged_and_no_more(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4", movflags="faststart")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(300)
    path.write_bytes(data)
    found, error = read_all(path)
    assert isinstance(error, VideoUnreadable)
    assert "damaged" in error.detail
    assert COUNT - 3 <= len(found) < COUNT
    assert found[-1].time_s == pytest.approx((COUNT - 1) / RATE)


@pytest.mark.parametrize("suffix", CODECS)
def test_random_damage_gives_frames_or_a_video_error(tmp_path: Path, suffix: str) -> None:
    data = write(tmp_path / f"clip{suffix}").read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / f"damaged{suffix}"
    for _ in range(25):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 30)):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        found, _ = read_all(path, limits=Limits(max_pixels=100_000))
        assert all(timed.frame.pixels.size <= 300_000 for timed in found)
