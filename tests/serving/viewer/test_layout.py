"""Everything has its place: on a tablet, on a phone, in forced colours, without a link."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from endolink.serving.access.keys import KeyRing
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import Running, serve
from tests.serving.viewer.conftest import Viewer, fresh

pytestmark = pytest.mark.program("chromium")

UPRIGHT, SIDEWAYS, PHONE = (820, 1180), (1180, 820), (390, 844)
AMBER = "rgb(255, 194, 71)"


def _touch(size: tuple[int, int]) -> dict[str, Any]:
    viewport = {"width": size[0], "height": size[1]}
    return {"viewport": viewport, "has_touch": True, "is_mobile": True}


# What sticks out of its box (but where it is cut on purpose), and what lies on its neighbour.
ASTRAY = """
  const app = viewer.root;
  const shown = (element) => element.checkVisibility();
  const name = (element) => element.className || element.textContent.trim() || element.localName;
  const parts = "button, p, dt, dd, h2, .lamp, .badge, .bar, .card, .clock";
  const inside = [...app.querySelectorAll(parts)]
    .filter((element) => shown(element) && getComputedStyle(element).textOverflow !== "ellipsis");
  const wide = inside.filter((element) => element.scrollWidth > element.clientWidth + 1 &&
    getComputedStyle(element).display !== "inline");
  const edge = app.getBoundingClientRect();
  const beyond = inside.filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    return left < edge.left - 0.5 || right > edge.right + 0.5;
  });
  const over = [];
  for (const row of app.querySelectorAll(".brand, .tools, .controls, .first, .head, .app")) {
    const all = row.matches(".head") ? row.querySelectorAll("strong, .lamp, button, .badge") : null;
    const boxes = [...(all ?? row.children)]
      .filter((element) => shown(element) && !element.matches(".drawer, dialog, input"));
    boxes.forEach((one, at) => boxes.slice(at + 1).forEach((other) => {
      if (one.contains(other) || other.contains(one)) return;
      const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 1) over.push(`${name(one)} on ${name(other)}`);
    }));
  }
  return [...wide.map(name), ...beyond.map(name), ...over,
          ...(app.scrollWidth > app.clientWidth ? ["the page itself"] : [])];
"""


def _is_tidy(viewer: Viewer, when: str) -> None:
    assert viewer.call(ASTRAY) == [], when


@pytest.mark.parametrize(
    ("size", "locale"),
    [(UPRIGHT, "en-GB"), (UPRIGHT, "zh-CN"), (SIDEWAYS, "en-GB"), (PHONE, "en-GB")],
    ids=["upright", "upright-zh", "sideways", "phone"],
)
def test_nothing_sticks_out_or_moves_the_picture(
    browser: Browser,
    sensitive_models: tuple[Settings, Models],
    size: tuple[int, int],
    locale: str,
) -> None:
    with ExitStack() as service, ExitStack() as window:
        running = service.enter_context(serve(*sensitive_models))
        viewer = window.enter_context(fresh(browser, running.url, **_touch(size), locale=locale))
        viewer.open(sample=True)
        viewer.polyp()
        _is_tidy(viewer, "alert")
        viewer.page.keyboard.press("s")
        viewer.page.locator("#list-snapshots .card").wait_for()
        _is_tidy(viewer, "snapshot")
        place = "return viewer.stage.picture.getBoundingClientRect().toJSON()"
        before = viewer.call(place)
        service.close()
        viewer.page.locator(".badge.stale").wait_for()
        assert viewer.call(place) == before, "the picture moved as the link was lost"
        _is_tidy(viewer, "link lost")


def test_a_guarded_page_has_room_for_who_is_there(
    browser: Browser, sensitive_models: tuple[Settings, Models], tmp_path: Path
) -> None:
    ring = KeyRing(tmp_path / "keys.json")
    ring.create("room-2", ("score", "stream"))
    settings, models = sensitive_models
    with (
        serve(settings.model_copy(update={"keys": ring.path}), models) as running,
        fresh(browser, running.url, **_touch(PHONE)) as viewer,
    ):
        viewer.open()
        viewer.page.locator(".who-key input").wait_for()
        _is_tidy(viewer, "signing in")
        viewer.page.keyboard.press("Escape")
        expect(viewer.page.get_by_role("button", name="Who is signed in")).to_be_visible()
        _is_tidy(viewer, "signed out")


# Its edge is a line that can be told from what lies on both of its sides.
UNBOUNDED = """
  const within = argument ? viewer.root.querySelector(argument) : viewer.root;
  return [...within.querySelectorAll("button, select, input:not([type=checkbox]), [role=slider]")]
    .filter((element) => element.checkVisibility())
    .filter((element) => {
      const style = getComputedStyle(element);
      const drawn = parseFloat(style.borderTopWidth) >= 1 && style.borderTopStyle !== "none";
      const filled = style.forcedColorAdjust === "none";
      return !drawn || (!filled && style.borderTopColor === style.backgroundColor);
    })
    .map((element) => element.className || element.id || element.textContent);
"""


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_in_forced_colours_nothing_is_told_by_a_shade_alone(
    browser: Browser, sensitive: Running, scheme: str
) -> None:
    options: dict[str, Any] = {"forced_colors": "active", "color_scheme": scheme}
    with fresh(browser, sensitive.url, **options, reduced_motion="reduce") as viewer:
        page = viewer.page
        viewer.open(sample=True)
        viewer.wait("viewer.examination.stream.ready !== null")
        quiet = {part: _looks(viewer, part) for part in (".lamp", ".call", ".edge")}
        viewer.polyp()
        page.locator("#list-alerts .card").wait_for()
        assert viewer.call(UNBOUNDED) == []
        # The alert is there for an eye that does not read.
        for part, before in quiet.items():
            assert _looks(viewer, part) != before, part
        # On the picture lies what was chosen to be seen on it.
        assert _looks(viewer, ".mark i")["borderTopColor"] == AMBER
        page.keyboard.press("s")
        page.locator("#list-snapshots .card").wait_for()
        chosen, other = (_looks(viewer, f"#tab-{name}") for name in ("snapshots", "alerts"))
        assert chosen["backgroundColor"] != other["backgroundColor"]
        sound = _looks(viewer, "[data-action=sound]")
        page.keyboard.press("a")
        assert _looks(viewer, "[data-action=sound]")["backgroundColor"] != sound["backgroundColor"]
        track = _looks(viewer, ".bar-track")
        assert track["borderTopWidth"] == "1px"
        for key, sheet in (("o", ".open-sheet"), ("r", ".report-sheet"), ("?", ".help-sheet")):
            page.keyboard.press(key)
            page.locator(sheet).wait_for()
            assert viewer.call(UNBOUNDED, sheet) == [], sheet
            page.keyboard.press("Escape")
            page.locator(sheet).wait_for(state="hidden")


def _looks(viewer: Viewer, part: str) -> dict[str, str]:
    return dict(
        viewer.call(
            """const style = getComputedStyle(viewer.root.querySelector(argument));
            const told = ["backgroundColor", "color", "borderTopColor", "borderTopWidth"];
            return Object.fromEntries(told.map((name) => [name, style[name]]));""",
            part,
        )
    )


def test_a_frozen_pictures_verdict_is_its_own_however_old_the_last_one_is(
    browser: Browser, sensitive_models: tuple[Settings, Models]
) -> None:
    opacity = "return getComputedStyle(viewer.bars.list).opacity"
    with ExitStack() as service, ExitStack() as window:
        running = service.enter_context(serve(*sensitive_models))
        viewer = window.enter_context(fresh(browser, running.url, reduced_motion="reduce"))
        viewer.open()
        viewer.state("ready")
        viewer.camera()
        viewer.page.keyboard.press("Space")
        viewer.wait("viewer.hold.verdict !== null")
        service.close()
        viewer.page.locator(".badge.stale").wait_for()
        assert viewer.call(opacity) == "1"
        viewer.page.keyboard.press("Space")
        expect(viewer.page.locator(".badge.freeze")).to_be_hidden()
        # What goes on beneath is judged no more: what is shown of it is old, and said to be.
        expect(viewer.page.locator(".findings-of")).to_be_empty()
        expect(viewer.page.locator(".call-quiet")).to_have_text("Nothing is judged now")
        viewer.wait("Number(getComputedStyle(viewer.bars.list).opacity) < 0.5")
