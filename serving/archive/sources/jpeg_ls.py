"""JPEG-LS, decoded in a process of its own that can be ended.

Over some damaged streams CharLS (in pyjpegls 1.5.1) does not come back, and nothing within a
process can stop it. So a helper decodes, one for each process that needs it: this file run by
itself. It is kept between frames, asked over pipes, and ended by a frame that takes too long,
crashes it or misleads it; the next frame finds another.
"""

import atexit
import json
import math
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from endolink.model.errors import DicomCorrupt, DicomUnsupported

if sys.platform != "win32":
    import resource

_START_S: Final = 60.0
# CharLS decodes nine times as much in a second of an idle core, even of noise.
_SAMPLES_A_SECOND: Final = 4_000_000
# How much longer a frame may take than its share of processor time: other work holds it up.
_BUSY: Final = 4
# Of addresses: the interpreter and its libraries, and each sample as often as it may be copied.
_MOST_MEMORY: Final = 2 * 2**30
_MEMORY_A_SAMPLE: Final = 32
_LONGEST_LINE: Final = 256


class JpegLs:
    """The helper of this process, where one has been needed; threads take turns.

    `patience_s` is the processor time, in seconds, that a frame may take beside what its size
    allows.
    """

    def __init__(self, patience_s: float = 1.0) -> None:
        self.patience_s = patience_s
        self.forget()

    def decode(
        self, data: bytes, syntax: UID, options: dict[str, Any]
    ) -> NDArray[np.uint8 | np.uint16]:
        """Decode one frame's codestream as pydicom does, uint8 or uint16, rows × columns (× 3).

        `options` are those of pydicom's `Decoder.as_array`. The frame may take `patience_s`, and a
        second more for every four million samples, of processor time where the system counts that,
        and four times as much by the clock.

        Raises DicomCorrupt, and DicomUnsupported where no helper can be started.
        """
        shape = [options["rows"], options["columns"]]
        shape += [options["samples_per_pixel"]] * (options["samples_per_pixel"] > 1)
        samples = math.prod(shape)
        limit_s = self.patience_s + samples / _SAMPLES_A_SECOND
        asked = {
            "bytes": len(data),
            "syntax": str(syntax),
            "options": options,
            "limit_s": limit_s,
            "memory": _MOST_MEMORY + samples * _MEMORY_A_SAMPLE,
        }
        with self._lock:
            process = self.helper
            if process is None or process.poll() is not None:
                process = self._start()
            try:
                with _Deadline(process, _BUSY * limit_s) as deadline:
                    _send(process, json.dumps(asked).encode() + b"\n")
                    _send(process, data)
                    answer = json.loads(_receive_line(process))
                    if answer is None:
                        raise DicomCorrupt("The frame's pixel data cannot be decoded.")
                    if answer[0] != shape or answer[1] not in {"uint8", "uint16"}:
                        raise ValueError("another frame than was asked for")
                    dtype = np.dtype(answer[1])
                    pixels = _receive(process, samples * dtype.itemsize)
            except (OSError, EOFError, ValueError) as error:
                # It may be about to end, for its own reason, which is more than having been killed.
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.5)
                ended = self._end()
                if deadline.passed or ended == -getattr(signal, "SIGPROF", 0):
                    raise DicomCorrupt(
                        f"The frame's JPEG-LS takes more than {limit_s:.1f} s to decode: it is "
                        "damaged."
                    ) from error
                raise DicomCorrupt("The frame's JPEG-LS is damaged.") from error
            except DicomCorrupt:
                raise
            except BaseException:
                # Interrupted: what the helper still says would be taken for the next frame.
                self._end()
                raise
        return np.frombuffer(pixels, dtype).reshape(shape)

    def close(self) -> None:
        """End the helper, if there is one; the next frame starts another."""
        with self._lock:
            self._end()

    def forget(self) -> None:
        """Leave the helper to the process that this one was forked from."""
        inherited = getattr(self, "helper", None)
        self._lock = threading.Lock()
        self.helper: subprocess.Popen[bytes] | None = None
        if inherited is not None:
            inherited.returncode = 0  # it is no child of this process, to be waited for
            _close_pipes(inherited)

    def _start(self) -> "subprocess.Popen[bytes]":
        self._end()
        try:
            # -P: this folder is no place to import from. A thread more would ask for addresses.
            process = subprocess.Popen(  # noqa: S603 - the interpreter, and this file
                [sys.executable, "-P", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
            self.helper = process
            with _Deadline(process, _START_S):
                _receive_line(process)
        except (OSError, EOFError) as error:
            self._end()
            raise DicomUnsupported(
                "JPEG-LS is not read here: the process that decodes it does not start."
            ) from error
        except BaseException:
            self._end()
            raise
        return process

    def _end(self) -> int:
        """Kill the helper and say how it ended."""
        process, self.helper = self.helper, None
        if process is None:
            return 0
        process.kill()
        _close_pipes(process)
        return process.wait()


class _Deadline:
    """Kill a process unless left in time; `passed` says that it was."""

    def __init__(self, process: "subprocess.Popen[bytes]", seconds: float) -> None:
        self.passed = False
        self._process = process
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()

    def _pass(self) -> None:
        self.passed = True
        self._process.kill()


def _close_pipes(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _send(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    """Write past the pipe's buffer: what lay there would be written again by a forked process."""
    assert process.stdin is not None
    left = memoryview(data)
    while left:
        left = left[os.write(process.stdin.fileno(), left) :]


def _receive(process: "subprocess.Popen[bytes]", size: int) -> bytes:
    assert process.stdout is not None
    data = process.stdout.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _receive_line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    line = process.stdout.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise EOFError
    return line


JPEG_LS: Final = JpegLs()
atexit.register(JPEG_LS.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=JPEG_LS.forget)


def _decode(data: bytes, asked: dict[str, Any]) -> NDArray[Any] | None:
    """Decode in the helper; None where that is refused."""
    try:
        samples, _ = get_decoder(asked["syntax"]).as_array(
            encapsulate([data], has_bot=False),
            index=0,
            validate=False,
            decoding_plugin="pyjpegls",
            **asked["options"],
        )
    # The decoder lets out whatever the bytes provoke.
    except Exception:  # noqa: BLE001
        return None
    return np.ascontiguousarray(samples)


def _bound(limit_s: float, memory: int) -> None:
    """Have the system end this process after so much processor time, whoever still waits for it."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, limit_s)
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        soft = memory if most == resource.RLIM_INFINITY else min(memory, most)
        # Some systems know the limit, and do not let it be set.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, most))


def main() -> None:
    """Decode what is asked for on stdin until that is closed."""
    # Whoever interrupts means the process that asks; it then closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints shall not answer
    answers.write(b"\n")
    answers.flush()
    for line in requests:
        asked = json.loads(line)
        data = requests.read(asked["bytes"])
        _bound(asked["limit_s"], asked["memory"])
        samples = _decode(data, asked)
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_PROF, 0)
        said = None if samples is None else [samples.shape, str(samples.dtype)]
        answers.write(json.dumps(said).encode() + b"\n")
        if samples is not None:
            answers.write(samples.data)
        answers.flush()


if __name__ == "__main__":
    main()
