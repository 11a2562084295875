"""A 5G link between two network namespaces of this machine, packet by packet.

    python -m benchmarks.emulator midband --seconds 60

Two TUN devices end in this process, and every IP packet between them passes through it, whatever
the protocol. Each direction has a rate with a bounded queue, a delay, jitter that keeps the order
(a 5G radio bearer in acknowledged mode delivers in order), and losses in bursts (Gilbert 1960);
now and then both are silent for a while, as in a handover. It needs root, iproute2 and
/dev/net/tun, and says so where they are missing; nothing outside the two namespaces is touched.
"""

import argparse
import fcntl
import os
import random
import select
import signal
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

CLIENT, SERVER = "endolink-client", "endolink-server"
CLIENT_ADDRESS, SERVER_ADDRESS = "10.78.0.1", "10.78.0.2"
_MTU = 1400  # what a GTP tunnel leaves of 1500 bytes
_TUN = Path("/dev/net/tun")
_TUNSETIFF, _IFF_TUN_NO_PI = 0x400454CA, 0x1001


@dataclass(frozen=True)
class Way:
    """One direction of a link.

    `delay_ms` is one way, `jitter_ms` the mean of what is added to it at random; losses come
    `burst` packets at a time on average; the queue holds `queue_ms` of traffic, and no more.
    """

    mbit_s: float
    delay_ms: float
    jitter_ms: float
    loss_percent: float
    burst: float
    queue_ms: float


@dataclass(frozen=True)
class Profile:
    """A link; every `outage_every_s` it is silent for `outage_ms`. Packets wait that long."""

    up: Way
    down: Way
    outage_every_s: float = 0.0
    outage_ms: float = 0.0

    @property
    def round_trip_ms(self) -> float:
        return self.up.delay_ms + self.up.jitter_ms + self.down.delay_ms + self.down.jitter_ms


# Rates and round trips after the sources named; jitter, bursts and outages are assumptions.
PROFILES = {
    # 3GPP TS 23.501, 5QI 80; Berlet et al. 2022
    "slice": Profile(Way(50, 5, 1, 1e-4, 1, 100), Way(200, 5, 1, 1e-4, 1, 100)),
    # CELLSMART 2022
    "midband": Profile(Way(31, 13, 4, 0.1, 2, 200), Way(240, 9, 2, 0.02, 2, 100), 30, 80),
    # MedUX UK
    "loaded": Profile(Way(14, 18, 8, 0.5, 3, 400), Way(50, 12, 4, 0.1, 3, 200), 20, 150),
    # Zheng et al. 2020, Surgical Endoscopy
    "far": Profile(Way(20, 57, 6, 1.2, 2, 300), Way(50, 57, 4, 1.2, 2, 300)),
    # CELLSMART; Ghoshal et al. 2022
    "mmwave": Profile(Way(250, 4, 1.5, 0.02, 4, 60), Way(800, 4, 1, 0.02, 4, 60), 8, 250),
}


class Channel:
    """One direction at work: says when each packet arrives, if it does. Times in seconds."""

    def __init__(self, way: Way, seed: int) -> None:
        self._way = way
        self._rng = random.Random(seed)
        self._bytes_s = way.mbit_s * 125_000
        self._leave_bad = 1 / max(1.0, way.burst)
        loss = way.loss_percent / 100
        # In the bad state every packet is lost; in the long run a share `loss` of them is.
        self._enter_bad = loss * self._leave_bad / (1 - loss)
        self._bad = False
        self._sent_s = 0.0
        self._arrived_s = 0.0

    def arrival(self, size: int, now_s: float) -> float | None:
        """Give when a packet of `size` bytes that is sent at `now_s` arrives; None if lost."""
        chance = self._rng.random()
        self._bad = chance >= self._leave_bad if self._bad else chance < self._enter_bad
        start = max(now_s, self._sent_s)
        if self._bad or start - now_s > self._way.queue_ms / 1000:
            return None
        self._sent_s = start + size / self._bytes_s
        jitter = self._rng.expovariate(1.0) * self._way.jitter_ms / 1000
        self._arrived_s = max(self._arrived_s, self._sent_s + self._way.delay_ms / 1000 + jitter)
        return self._arrived_s


class _Pipe:
    """Carries packets from one device to the other through a channel."""

    def __init__(self, source: int, target: int, channel: Channel) -> None:
        self.source = source
        self._target = target
        self._channel = channel
        self._under_way: deque[tuple[float, bytes]] = deque()

    def take(self, now_s: float) -> None:
        with suppress(BlockingIOError):
            for _ in range(64):
                packet = os.read(self.source, 2048)
                arrives = self._channel.arrival(len(packet), now_s)
                if arrives is not None:
                    self._under_way.append((arrives, packet))

    def deliver(self, now_s: float) -> None:
        while self._under_way and self._under_way[0][0] <= now_s:
            with suppress(OSError):  # nobody there, or its queue is full: as on a real link
                os.write(self._target, self._under_way[0][1])
            self._under_way.popleft()

    @property
    def next_s(self) -> float:
        return self._under_way[0][0] if self._under_way else float("inf")


def missing() -> str | None:
    """Say what the emulator lacks on this machine; None where it can run."""
    if os.geteuid() != 0:
        return "the link emulator needs root, to make network namespaces"
    if not _TUN.exists():
        return "the link emulator needs /dev/net/tun (modprobe tun)"
    try:
        subprocess.run(["ip", "-V"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "the link emulator needs the program ip (apt install iproute2)"
    return None


def emulate(profile: Profile, seconds: float, seed: int = 1) -> None:
    """Make the namespaces and join them for `seconds`; prints `ready` and when, once up."""
    with _namespaces() as (client, server):
        up = _Pipe(client, server, Channel(profile.up, seed))
        down = _Pipe(server, client, Channel(profile.down, seed + 1))
        begin, parent = monotonic(), os.getppid()
        print("ready", begin, flush=True)
        # Whoever started it may have been killed: it ends then, too.
        while (now := monotonic()) < begin + seconds and os.getppid() == parent:
            silent_until = _outage_end(profile, now - begin) + begin
            if now >= silent_until:
                up.deliver(now)
                down.deliver(now)
            wake = max(min(up.next_s, down.next_s), silent_until)
            # Both wait for packets, and no longer than the next one of theirs that is due.
            timeout = max(0.0, min(wake - monotonic(), 0.05))
            readable, _, _ = select.select([client, server], [], [], timeout)
            now = monotonic()
            for pipe in (up, down):
                if pipe.source in readable:
                    pipe.take(now)


def _outage_end(profile: Profile, elapsed_s: float) -> float:
    """Give when the outage of now, or the latest one, ends or ended."""
    if not profile.outage_every_s:
        return 0.0
    begun = elapsed_s // profile.outage_every_s * profile.outage_every_s
    return begun + profile.outage_ms / 1000 if begun else 0.0


@contextmanager
def _namespaces() -> Iterator[tuple[int, int]]:
    """Make both namespaces with a TUN device each; give the devices' descriptors."""
    sides = ((CLIENT, CLIENT_ADDRESS, SERVER_ADDRESS), (SERVER, SERVER_ADDRESS, CLIENT_ADDRESS))
    descriptors: list[int] = []
    made: list[str] = []
    try:
        for number, (name, address, peer) in enumerate(sides):
            _ip("netns", "add", name)
            made.append(name)
            device = f"endolink{number}"
            descriptor = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
            descriptors.append(descriptor)
            request = struct.pack("16sH22x", device.encode(), _IFF_TUN_NO_PI)
            fcntl.ioctl(descriptor, _TUNSETIFF, request)
            _ip("link", "set", device, "netns", name)
            _ip("-n", name, "address", "add", address, "peer", peer, "dev", device)
            _ip("-n", name, "link", "set", device, "mtu", str(_MTU), "txqueuelen", "1000", "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield descriptors[0], descriptors[1]
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
        for name in made:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextmanager
def emulated(profile: str, seconds: float) -> Iterator[float]:
    """Run the emulator as a process of its own, so that it keeps time whatever is done here.

    Gives the instant, of the machine's monotonic clock, from which its outages are counted.
    """
    command = [sys.executable, "-m", "benchmarks.emulator", profile, "--seconds", str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline().split()
        if said[:1] != ["ready"]:
            raise RuntimeError(f"the emulator did not come up; it ended with {process.wait()}")
        yield float(said[1])
    finally:
        process.terminate()
        process.wait(10)


def inside(namespace: str, *command: str) -> list[str]:
    """Give the command line that runs `command` in one of the namespaces."""
    return ["ip", "netns", "exec", namespace, *command]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.emulator", description=__doc__)
    parser.add_argument("profile", choices=PROFILES)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if lacks := missing():
        parser.exit(2, f"{lacks}\n")
    # A terminated process ends its namespaces, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    emulate(PROFILES[options.profile], options.seconds, options.seed)


if __name__ == "__main__":
    main()
