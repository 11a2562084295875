"""What the viewer costs a browser: the rendered sample in Chromium, against a service on loopback.

python -m benchmarks.viewer --seconds 30

It says what a frame costs the page's own thread, how old verdicts are when they are shown, and
whether memory grows. It needs Chromium on the PATH.
"""

import json
import shutil
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from rich.console import Console

from benchmarks import options
from benchmarks.process import service

FRAME_MS: Final = 40.0
TARGET_WORK_MS: Final = 8.0
TARGET_AGE_MS: Final = 120.0
# What a garbage collector and its caches may leave lying about.
TARGET_GROWTH_MB: Final = 10.0

ARGUMENTS: Final = ("--no-sandbox", "--autoplay-policy=no-user-gesture-required")
_CATEGORIES: Final = ["toplevel"]
_TASK: Final = "ThreadControllerImpl::RunTask"
_Times = np.ndarray[Any, np.dtype[np.float64]]
_WARM_S: Final = 5.0
_TRACED_S: Final = 10.0
_SAMPLE_S: Final = 5.0
_VIEWER: Final = "document.querySelector('endolink-viewer').viewer"


@dataclass(frozen=True)
class Viewing:
    """What `seconds` of viewing came to.

    `work_ms` is what the page's own thread computed in each frame's time of a stretch, and
    `busy_ms` for how long it was at it, waits for the processor and for the compositor included;
    `ages_ms` every verdict's age when it came; `heap_mb` and `nodes` the page's memory and elements
    after a collection, sampled over the whole.
    """

    seconds: float
    work_ms: _Times
    busy_ms: _Times
    ages_ms: _Times
    heap_mb: tuple[float, ...]
    nodes: tuple[int, ...]
    shown: int
    missed: int

    @property
    def growth_mb(self) -> float:
        """How much more memory the last third of the samples had than the first, at the median."""
        third = max(1, len(self.heap_mb) // 3)
        return float(np.median(self.heap_mb[-third:]) - np.median(self.heap_mb[:third]))

    @property
    def judged_per_s(self) -> float:
        return self.ages_ms.size / self.seconds


def watch(browser: Browser, url: str, seconds: float) -> Viewing:
    """Let the page at `url` play its sample for `seconds`, after it has settled."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(url)
    page.wait_for_function(f"() => {_VIEWER}.examination.stream.statistics.judged > 5")
    time.sleep(_WARM_S)
    session = page.context.new_cdp_session(page)
    page.evaluate(
        f"() => {{ globalThis.ages = []; {_VIEWER}.host.addEventListener('endolink-verdict',"
        " ({ detail }) => globalThis.ages.push(detail.ageMs)); }"
    )
    before = _quality(page)
    began = time.monotonic()
    heap, nodes = [], []
    while time.monotonic() - began < seconds:
        left = seconds - (time.monotonic() - began)
        page.wait_for_timeout(1000 * min(_SAMPLE_S, max(left, 0.1)))
        megabytes, elements = _memory(session)
        heap.append(megabytes)
        nodes.append(elements)
    ages = np.array(page.evaluate("globalThis.ages"), dtype=np.float64)
    lasted = time.monotonic() - began
    after = _quality(page)
    work, busy = _work(browser, page)
    page.close()
    shown, missed = (late - early for late, early in zip(after, before, strict=True))
    return Viewing(lasted, work, busy, ages, tuple(heap), tuple(nodes), shown, missed)


def _quality(page: Page) -> tuple[int, int]:
    frames, missed = page.evaluate(
        f"() => {{ const quality = {_VIEWER}.stage.video.getVideoPlaybackQuality();"
        " return [quality.totalVideoFrames, quality.droppedVideoFrames]; }"
    )
    return frames, missed


def _memory(session: CDPSession) -> tuple[float, int]:
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {
        item["name"]: item["value"] for item in session.send("Performance.getMetrics")["metrics"]
    }
    return metrics["JSHeapUsedSize"] / 1e6, int(metrics["Nodes"])


def _work(browser: Browser, page: Page) -> tuple[_Times, _Times]:
    """Trace the page's thread for a while; give its work in each frame's time, in ms.

    Processor time first, then elapsed time.
    """
    browser.start_tracing(page=page, categories=_CATEGORIES)
    page.wait_for_timeout(1000 * _TRACED_S)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    tasks: dict[tuple[int, int], list[tuple[float, float, float]]] = {}
    for event in events:
        if event["name"] == _TASK:
            thread = (event["pid"], event["tid"])
            took = (event["ts"], event.get("tdur", 0.0), event.get("dur", 0.0))
            tasks.setdefault(thread, []).append(took)
    mains = [
        np.array(tasks[thread], dtype=np.float64).T
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
        if (thread := (event["pid"], event["tid"])) in tasks
    ]
    # The other pages of the browser do next to nothing.
    starts, work, busy = max(mains, key=lambda main: main[1].sum())
    frame = ((starts - starts.min()) / (1000 * FRAME_MS)).astype(np.int64)
    sums = [np.bincount(frame, took / 1000).astype(np.float64) for took in (work, busy)]
    return sums[0], sums[1]


def main() -> None:
    chosen = options.parse(__doc__, seconds=30)
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("chromium is not on the PATH; on Debian: sudo apt install chromium")
    with service(*chosen.model.options) as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        seen = watch(browser, f"http://127.0.0.1:{port}/", chosen.seconds)
        version = browser.version
        browser.close()
    table = options.table(
        f"The viewer in Chromium {version.split('.')[0]}, the sample at 25 frames a second, "
        f"1440 × 900, {seen.seconds:.0f} s",
        ("", "p50", "p95", "target"),
    )
    work, busy, ages = (
        np.percentile(values, [50, 95]) for values in (seen.work_ms, seen.busy_ms, seen.ages_ms)
    )
    table.add_row(
        "work of the page's thread, ms a frame",
        f"{work[0]:.1f}",
        f"{work[1]:.1f}",
        f"p50 < {TARGET_WORK_MS:.0f}",
    )
    table.add_row("waits included", f"{busy[0]:.1f}", f"{busy[1]:.1f}", "")
    table.add_row(
        "age of a verdict, ms", f"{ages[0]:.0f}", f"{ages[1]:.0f}", f"p95 < {TARGET_AGE_MS:.0f}"
    )
    table.add_row("frames judged a second", f"{seen.judged_per_s:.1f}", "", "")
    table.add_row("frames that the browser did not show", f"{seen.missed} of {seen.shown}", "", "")
    table.add_row(
        "heap after a collection, MB",
        f"{seen.heap_mb[0]:.1f} to {seen.heap_mb[-1]:.1f}",
        f"{seen.growth_mb:+.1f}",
        f"< +{TARGET_GROWTH_MB:.0f}",
    )
    table.add_row("elements", f"{seen.nodes[0]} to {seen.nodes[-1]}", "", "")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
