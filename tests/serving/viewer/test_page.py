"""The page at `/`, from opening it to closing it, in a real browser."""

import csv
import json
import os
import re
import time
import zipfile
from contextlib import ExitStack
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Page, expect

from endolink import sample_data
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from endolink.training import datasets
from tests.serving.service import Running, serve
from tests.serving.viewer.clips import drop, film, split
from tests.serving.viewer.conftest import Viewer, fresh

pytestmark = pytest.mark.program("chromium")

MOTTO = "It points, the clinician decides. Not a diagnosis."


def test_it_shows_itself_at_work_within_ten_seconds(viewer: Viewer) -> None:
    page = viewer.page
    began = time.monotonic()
    viewer.open(sample=True)
    expect(page.get_by_text("Rendered sample, no patient")).to_be_visible()
    viewer.wait("viewer.stage.video.currentTime > 0 && viewer.bars.list.children.length > 0")
    viewer.state("watching", "alert", "degraded")
    viewer.wait("viewer.examination.stream.statistics.judged > 3")
    # Ten seconds where the machine has nothing else to do: a share of it takes as much longer.
    share = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert time.monotonic() - began < 10 * share
    expect(page.locator(".bar-name")).to_have_count(5)
    foot = page.locator(".foot")
    expect(foot).to_contain_text(MOTTO)
    host = viewer.url.removeprefix("http://")
    expect(foot).to_contain_text(f"Frames go to {host}, shrunk, and nothing is kept there.")


def test_an_alert_comes_with_the_polyp_and_goes_after_it(viewer: Viewer) -> None:
    viewer.open(sample=True)
    page = viewer.page
    viewer.polyp()
    call = page.locator(".call")
    expect(call).to_have_attribute("data-on", "true")
    expect(call.get_by_role("alert")).to_have_text("Polyp")
    viewer.wait("viewer.call.isOn === false")
    expect(page.locator(".lamp")).not_to_have_attribute("data-state", "alert")
    expect(page.locator(".mark")).to_have_count(0)
    card = page.locator("#list-alerts .card").first
    expect(card).to_contain_text("Polyp")
    expect(card.locator("img")).to_be_visible()
    events = viewer.call(
        "return viewer.examination.session.alerts.map(({startS, peak}) => ({startS, peak}))"
    )
    assert all(3 < event["startS"] < 7.5 for event in events)  # the polyp: 3.4 to 6.7 s
    assert re.match(r"0:0\d", card.locator(".thumb").inner_text())


def test_the_bundled_model_points_at_the_samples_polyp(browser: Browser, running: Running) -> None:
    with fresh(browser, running.url) as viewer:
        viewer.open(sample=True)
        viewer.polyp()
        expect(viewer.page.locator(".call").get_by_role("alert")).to_have_text("Polyp")


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("dark", "Too dark to judge"),
        ("soft", "Too blurred to judge"),
        ("out-of-body", "Outside the body"),
    ],
)
def test_a_pause_says_why(
    browser: Browser, running: Running, tmp_path: Path, frame: str, reason: str
) -> None:
    frames = {path.stem: path for path in sample_data.frames()}
    soft = tmp_path / "soft.png"
    with Image.open(frames["clean-wall"]) as clean:
        clean.convert("RGB").filter(ImageFilter.GaussianBlur(clean.width / 40)).save(soft)
    clip = film(tmp_path / "clip.webm", [(frames.get(frame, soft), 6.0)])
    with fresh(browser, running.url) as viewer:
        viewer.open()
        viewer.state("ready")
        viewer.page.evaluate(drop([clip]))
        viewer.state("paused")
        expect(viewer.page.locator(".lamp-reason")).to_have_text(reason)


def _follow_an_alert(browser: Browser, url: str, frames: list[Path], folder: Path) -> None:
    found, free = split(frames, "polyp")
    assert found, "the bundled model is sure of a polyp in none of the frames"
    assert free, "the bundled model is sure of no polyp in none of the frames"
    scenes = [(free[0], 1.5), (found[0], 2.0), (free[-1], 2.5)]
    clip = film(folder / "clip.webm", scenes)
    with fresh(browser, url) as viewer:
        viewer.open()
        viewer.state("ready")
        viewer.page.evaluate(drop([clip]))
        # Slowly: a busy machine judges few frames a second, and two seconds are soon over.
        viewer.call("viewer.stage.video.playbackRate = 0.3")
        viewer.state("alert")
        assert 1.4 < viewer.call("return viewer.stage.video.currentTime") < 6
        expect(viewer.page.locator(".mark[data-finding=polyp]")).to_be_visible()
        viewer.wait("viewer.stage.video.ended && !viewer.call.isOn")
        expect(viewer.page.locator(".lamp-reason")).to_have_text("End of the recording")
        (event,) = viewer.call("return viewer.examination.session.alerts")
        assert 1.4 < event["startS"] < 2.5
        assert 3.4 < event["endS"] <= 6


def test_the_bundled_model_points_at_a_rendered_polyp(
    browser: Browser, running: Running, tmp_path: Path
) -> None:
    # Of one layout: no endoscope changes where its view is within a second.
    alike = {"clean-octagon", "polyp-sessile"}
    frames = [path for path in sample_data.frames() if path.stem in alike]
    _follow_an_alert(browser, running.url, frames, tmp_path)


@pytest.mark.shared
def test_the_bundled_model_points_at_a_real_polyp(
    browser: Browser, running: Running, tmp_path: Path, shared: Path
) -> None:
    images = shared / "data/hyper-kvasir/labeled-images/lower-gi-tract"
    frames = [
        *sorted((images / "pathological-findings/polyps").glob("*.jpg"))[:12],
        *sorted((images / "quality-of-mucosal-views/bbps-2-3").glob("*.jpg"))[:6],
    ]
    _follow_an_alert(browser, running.url, frames, tmp_path)


def test_a_live_picture_is_frozen_and_goes_on_beneath(viewer: Viewer) -> None:
    viewer.open()
    page = viewer.page
    viewer.state("ready")
    viewer.call("viewer.opening.choose('camera')")
    viewer.wait("viewer.examination.stream.statistics.judged > 2")
    page.keyboard.press("Space")
    expect(page.locator(".badge.freeze")).to_be_visible()
    expect(page.locator(".findings-of")).to_have_text("This frame")
    viewer.wait("viewer.hold.verdict !== null")
    before = viewer.call("return viewer.examination.stream.statistics.judged")
    viewer.wait(f"viewer.examination.stream.statistics.judged > {before + 3}")
    assert viewer.call("return viewer.timeS") == viewer.call("return viewer.hold.frozenS")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".badge.freeze")).to_be_hidden()
    viewer.call("viewer.stage.source.stream.getTracks()[0].dispatchEvent(new Event('ended'))")
    viewer.state("error")
    expect(page.locator(".lamp-reason")).to_have_text("The source is gone")


def test_a_shared_screen_is_watched(viewer: Viewer) -> None:
    viewer.open()
    viewer.state("ready")
    viewer.call("viewer.opening.choose('screen')")
    viewer.wait("viewer.stage.source?.kind === 'screen'")
    viewer.wait("viewer.examination.stream.statistics.judged > 0")


def test_what_a_reviewer_finds_is_kept_and_exported(viewer: Viewer, tmp_path: Path) -> None:
    viewer.open(sample=True)
    page = viewer.page
    viewer.polyp()
    page.keyboard.press("s")
    page.keyboard.press("Space")
    viewer.state("paused", "alert")
    expect(page.locator("#list-snapshots .card")).to_have_count(1)
    page.keyboard.press("n")
    page.keyboard.type("Sessile, on a fold")
    page.keyboard.press("Enter")
    page.locator("#list-snapshots select").select_option("polyp")
    page.keyboard.press("f")
    expect(page.locator(".toast")).to_have_text("False alarm: Polyp noted")
    page.locator(".timeline").focus()
    page.keyboard.press("ArrowLeft")
    viewer.wait("viewer.stage.video.currentTime < 3")
    page.keyboard.press("m")
    for mark in ("false-alarm", "missed"):
        viewer.wait(
            "viewer.examination.session.alerts"
            f".some((event) => event.mark === '{mark}' && event.picture)"
        )
    page.keyboard.press("r")
    report = page.locator(".endolink-report")
    expect(report).to_contain_text("Sessile, on a fold")
    expect(report).to_contain_text("not a diagnosis")
    expect(report).to_contain_text("Missed finding")
    _check_json(_download(page, "Save as JSON", tmp_path))
    _check_labels(_download(page, "Save marks for training", tmp_path))
    _check_html(browser_page=page, file=_download(page, "Save as HTML", tmp_path))
    assert viewer.call("return viewer.desk.unsaved") is False


def test_a_snapshot_never_has_another_frames_verdict(viewer: Viewer) -> None:
    viewer.open(sample=True)
    viewer.polyp()
    viewer.page.keyboard.press("Space")
    viewer.wait("viewer.hold.verdict?.findings[0].present")
    # Kept before the service can have said anything of it.
    finding = viewer.call(
        "viewer.seek(0.5); return viewer.desk.snapshot().then(({ finding }) => finding)"
    )
    assert finding is None
    viewer.wait("viewer.desk.snapshots.all[0].verdict !== null")
    (kept,) = viewer.call(
        "return viewer.desk.snapshots.all.map(({ verdict, timeS, finding }) =>"
        " [verdict.findings[0], timeS, finding])"
    )
    assert kept[0]["code"] == "polyp"
    assert not kept[0]["present"]
    assert kept[1:] == [0.5, None]


def _download(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as started:
        page.get_by_role("button", name=button).click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def _check_json(file: Path) -> None:
    review = json.loads(file.read_text())
    (snapshot,) = review["snapshots"]
    assert snapshot["note"] == "Sessile, on a fold"
    assert snapshot["finding"] == "polyp"
    assert snapshot["verdict"]["model"]["digest"] == review["model"]["digest"]
    assert snapshot["picture"].startswith("data:image/jpeg;base64,")
    assert {alert["mark"] for alert in review["alerts"]} >= {"false-alarm", "missed"}
    assert "Not a diagnosis" in review["note"]


def _check_labels(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        rows = list(csv.DictReader(StringIO(archive.read("labels.csv").decode())))
        assert rows[0].keys() == {"file", "finding", "present", "group"}
        assert sorted(row["present"] for row in rows) == ["0", "1"]
        for row in rows:
            assert row["finding"] == "polyp"
            assert row["group"] == "sample"
            assert Image.open(BytesIO(archive.read(row["file"]))).size == (640, 512)
        archive.extractall(file.parent / "labels")
    read = datasets.open_data(f"labels:{file.parent / 'labels'}")  # as endolink train --data
    assert sorted(len(sample.present) for sample in read.samples) == [0, 1]


def _check_html(browser_page: Page, file: Path) -> None:
    other = browser_page.context.new_page()
    loaded: list[str] = []
    other.on("request", lambda request: loaded.append(request.url))
    other.goto(file.as_uri())
    expect(other.locator(".endolink-report")).to_contain_text("Sessile, on a fold")
    assert all(url.startswith(("file:", "data:")) for url in loaded)
    assert "script" not in file.read_text()
    other.close()


def test_the_report_alone_is_printed(viewer: Viewer) -> None:
    viewer.open(sample=True)
    page = viewer.page
    viewer.polyp(lasting_s=0.3)
    page.keyboard.press("Space")
    viewer.state("paused", "alert")
    for number in range(1, 4):
        page.keyboard.press("s")
        expect(page.locator("#list-snapshots .card")).to_have_count(number)
    page.keyboard.press("r")
    # An alert that is not over has lasted, too.
    lasted = page.locator(".endolink-report td:nth-child(3)").last
    expect(lasted).to_have_text(re.compile(r"^≥ (?!0\.[0-2] )\d+\.\d s$"))
    page.evaluate("globalThis.print = () => { globalThis.printed = true; }")
    page.get_by_role("button", name="Print or PDF").click()
    page.wait_for_function("globalThis.printed")
    page.emulate_media(media="print")
    expect(page.locator(".endolink-print")).to_be_visible()
    expect(page.locator("endolink-viewer")).not_to_be_visible()
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    # A course, a summary and three snapshots are two pages, none of them half empty.
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 2
    page.evaluate("globalThis.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.locator(".endolink-print").count() == 0
    assert page.locator("endolink-viewer").is_visible()


def test_stills_are_read_one_by_one(viewer: Viewer, tmp_path: Path) -> None:
    viewer.open()
    page = viewer.page
    viewer.state("ready")
    frames = sample_data.frames()[:4]
    broken = tmp_path / "zz.jpg"
    broken.write_bytes(b"no picture")
    viewer.choose(*frames, broken)
    viewer.wait("viewer.stills?.isDone")
    expect(page.locator(".total")).to_have_text(" / 5")
    for number in range(2, 5):
        page.keyboard.press("ArrowRight")
        expect(page.locator(".now")).to_have_text(str(number))
        viewer.wait("viewer.hold.verdict !== null")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".toast")).to_have_text("This browser cannot show zz.jpg.")
    expected = viewer.call("return [...viewer.stills.verdicts.values()].map((one) => one !== null)")
    assert sorted(expected) == [False, True, True, True, True]
    page.keyboard.press("h")


def test_what_cannot_be_opened_is_said(viewer: Viewer, tmp_path: Path) -> None:
    viewer.open()
    viewer.state("ready")
    for name, said in (
        ("broken.webm", "cannot play broken.webm"),
        ("a.pdf", "neither a video nor"),
    ):
        (tmp_path / name).write_bytes(b"nothing that a browser knows")
        viewer.choose(tmp_path / name)
        expect(viewer.page.locator(".toast")).to_contain_text(said)
    viewer.state("ready")


def test_it_speaks_chinese(viewer: Viewer) -> None:
    viewer.open(sample=True)
    page = viewer.page
    viewer.wait("viewer.examination.stream.ready !== null")
    page.keyboard.press("l")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator(".bar-name").first).to_have_text("息肉")
    expect(page.locator(".foot")).to_contain_text("不是诊断")
    expect(page.get_by_role("button", name="快照")).to_be_visible()
    page.reload()
    expect(page.locator(".foot")).to_contain_text("不是诊断")
    page.get_by_role("button", name="Switch to English").click()
    expect(page.locator(".foot")).to_contain_text(MOTTO)


def test_every_key_does_what_the_help_says(viewer: Viewer) -> None:
    viewer.open(sample=True)
    page = viewer.page
    viewer.wait("viewer.examination.stream.statistics.judged > 2")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard")
    expect(sheet).to_be_visible()
    sheet.get_by_label("Single keys work").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("d")
    expect(page.locator(".drawer")).to_be_hidden()
    page.get_by_role("button", name="Keyboard and help").click()
    sheet.get_by_label("Single keys work").check()
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    drawer = page.locator(".drawer")
    expect(drawer).to_contain_text("kbit/s")
    expect(drawer).to_contain_text("95th percentile")
    page.keyboard.press("o")
    expect(page.get_by_role("dialog", name="What shall it watch?")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    expect(page.get_by_role("dialog", name="Where it looks")).to_be_visible()
    expect(page.locator(".heat-says")).not_to_be_empty()


def test_a_lost_service_shows_and_the_session_goes_on(
    browser: Browser, sensitive_models: tuple[Settings, Models]
) -> None:
    settings, models = sensitive_models
    with ExitStack() as service, ExitStack() as window:
        running = service.enter_context(serve(settings, models))
        viewer = window.enter_context(fresh(browser, running.url))
        page = viewer.page
        viewer.open(sample=True)
        viewer.wait("viewer.examination.stream.statistics.judged > 3")
        service.close()
        viewer.state("degraded")
        expect(page.locator(".lamp-reason")).to_have_text("Link lost, trying again")
        expect(page.locator(".badge.stale")).to_contain_text("old")
        shown = viewer.call("return viewer.stage.video.currentTime")
        # The picture waits for nobody.
        viewer.wait(f"viewer.stage.video.currentTime !== {shown}")
        examined = viewer.call("return viewer.examination.session.summary().examinedS")
        before = viewer.call("return viewer.examination.stream.statistics.judged")
        with serve(settings.model_copy(update={"port": running.port}), models):
            viewer.wait(f"viewer.examination.stream.statistics.judged > {before + 2}")
            expect(page.locator(".badge.stale")).to_be_hidden()
            now = viewer.call("return viewer.examination.session.summary().examinedS")
            assert now > 0.8 * examined
            window.close()
