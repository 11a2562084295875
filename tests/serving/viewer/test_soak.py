"""Nothing that the viewer holds grows; how quick it is, `python -m benchmarks.viewer` says."""

import pytest
from playwright.sync_api import Browser

from benchmarks.viewer import TARGET_GROWTH_MB, watch
from tests.serving.service import Running

pytestmark = pytest.mark.program("chromium")

# Cards and marks come and go; a leak of one element a frame would be 500 in 20 s.
MORE_NODES = 300


@pytest.mark.parametrize("seconds", [15, pytest.param(300, marks=pytest.mark.soak)])
def test_memory_stays_flat(browser: Browser, sensitive: Running, seconds: float) -> None:
    seen = watch(browser, sensitive.url, seconds)
    assert seen.ages_ms.size > seconds / 3  # even a busy machine judges some
    assert seen.growth_mb < TARGET_GROWTH_MB
    assert seen.nodes[-1] - seen.nodes[0] < MORE_NODES
    assert seen.work_ms.sum() > 0
