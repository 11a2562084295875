"""A parser with three faults, so that it is seen that the fuzzer finds such."""

import time

LONGEST = 8


def check(data: bytes) -> None:
    """Fail where the input's first letters say so."""
    if data[:1] == b"F" and data[1:2] == b"U":
        assert data[2:3] != b"C", "crash"
        if data[2:3] == b"S":
            until = time.process_time() + 1.2
            while time.process_time() < until:
                pass
        if data[2:3] == b"M":
            bytearray(2**31)
