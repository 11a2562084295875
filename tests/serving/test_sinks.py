"""Whatever writes or sends asks the one rule first: found in the sources, and tried one by one."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from endolink.model.command import build
from endolink.model.errors import EgressRefused
from endolink.serving.app import create_app
from endolink.serving.archive.job import Job, Unwritten, run
from endolink.serving.archive.options import ON_SCREEN, Form, make_sinks
from endolink.serving.archive.picture import Reading
from endolink.serving.archive.sources import find
from endolink.serving.archive.study import StudyResult
from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.audit.log import AuditLog
from endolink.serving.audit.store import Store
from endolink.serving.models import Models
from endolink.serving.retention.key_file import KeyFile
from endolink.serving.settings import Settings
from tests.bundles import tiny_bundle
from tests.conftest import REPOSITORY
from tests.serving.service import picture
from tests.studies import dicom_study, score

# What writes to a disk or a network, by the name that is called.
WRITERS: Final = {
    *("write_bytes", "write_text", "save", "save_as", "savefig", "store", "store_instances"),
    *("whole", "urlopen", "create_engine", "OTLPSpanExporter", "MlflowClient", "SummaryWriter"),
    *("copyfile", "copytree", "copy2", "mkstemp", "NamedTemporaryFile", "to_csv", "to_parquet"),
    *("init", "Client", "AsyncClient"),
    *("HTTPConnection", "HTTPSConnection", "create_connection", "HTTPHandler", "SysLogHandler"),
}
# What writes, and asks the rule for itself, or only ever after somebody else has: each is tried.
ASKS: Final = {
    "model/bundle.py": "endolink export, quantize, average, card",
    "serving/app.py": "the service's own: audit log, traces, kept frames",
    "serving/archive/cli.py": "score on the screen, and on a cluster",
    "serving/archive/deidentify_cli.py": "deidentify, reviewed",
    "serving/archive/job.py": "the ledger and studies.csv",
    "serving/archive/sinks/dicom_objects.py": "DICOM SR, key objects, captures; STOW-RS",
    "serving/archive/sinks/fhir.py": "fhir",
    "serving/archive/sinks/report.py": "html",
    "serving/archive/sinks/table.py": "parquet, csv",
    "serving/audit/archive.py": "what is removed from the audit log, before it is",
    "serving/audit/cli.py": "audit export, prune --archive",
    "serving/audit/log.py": "the audit log's database",
    "serving/retention/cli.py": "retained export",
    "training/contact_sheet.py": "data inspect --sheet",
    "training/evaluate_cli.py": "evaluate --report, --verdicts",
    "training/trackers.py": "MLflow",
}
# What writes and does not ask, with the reason why it need not.
NEED_NOT: Final = {
    "model/classifier.py": "a heat map, in memory",
    "model/signature.py": "a signature beside a bundle, which is none of the kinds",
    "model/signer.py": "keys",
    "serving/access/keys.py": "hashes of keys, which are none of the kinds",
    "serving/access/oidc.py": "fetches a provider's public keys; sends nothing",
    "serving/archive/sources/jpeg_ls.py": "frames to a decoder of its own on this machine, by pipe",
    "serving/archive/deidentify_files.py": "asked by deidentify_cli before it begins",
    "serving/archive/ledger.py": "asked by job before it is opened",
    "serving/archive/options.py": "the secret of pseudonyms, which is none of the kinds",
    "serving/archive/cluster.py": "asked by the command before it joins",
    "serving/archive/screen.py": "asked by the command before the first line",
    "serving/archive/sinks/__init__.py": "what the sinks write with, after they asked",
    "serving/archive/sources/dicomweb.py": "asked by the DICOM sinks before each object",
    "serving/audit/checkpoint.py": "keys",
    "serving/audit/store.py": "asked by the log before it is opened; a reader sends nothing",
    "serving/client/http.py": "a client's own program, which sends to the service it names",
    "serving/client/picture.py": "a picture, in memory",
    "serving/retention/keeper.py": "a picture, in memory; the app asks before there is a keeper",
    "serving/retention/key_file.py": "keys",
    "serving/retention/vault.py": "asked by the app before it is opened",
    "serving/tracing.py": "asked by the app before it is made",
}
# Training works in folders of its own, on data that the site has given it; what it makes to be
# handed on, the bundle and the reports, asks.
WORKING_FILES: Final = {
    *("training/average.py", "training/checkpoint.py", "training/config.py"),
    *("training/corruptions/picture.py", "training/augment/processing.py", "training/data_cli.py"),
    *("training/download.py", "training/evaluate.py", "training/fetch.py", "training/fit.py"),
    *("training/mistakes.py", "training/outside.py", "training/pairing.py", "training/run.py"),
    *("training/series.py", "training/splits.py", "training/unpack.py"),
}


def _calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", "")), node


def _writes(file: Path) -> bool:
    return any(
        name in WRITERS
        or (name == "connect" and "sqlite3" in ast.unparse(call.func))
        or (name in {"open", "fdopen"} and _is_for_writing(call))
        for name, call in _calls(file)
    )


def _is_for_writing(call: ast.Call) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    modes = [str(one.value) for one in given if isinstance(one, ast.Constant)]
    return bool(re.search("O_WRONLY|O_RDWR", ast.unparse(call))) or any(
        re.fullmatch("[rwaxbt+]{1,3}", mode) and set(mode) & set("wax+") for mode in modes
    )


def test_whatever_writes_asks_or_says_why_it_need_not() -> None:
    files = {
        str(file.relative_to(REPOSITORY)): file
        for room in ("model", "serving", "training")
        for file in (REPOSITORY / room).rglob("*.py")
    }
    writers = {name for name, file in files.items() if _writes(file)}
    forgotten = writers - ASKS.keys() - NEED_NOT.keys() - WORKING_FILES
    assert not forgotten, f"these write, and neither ask nor are listed: {sorted(forgotten)}"
    assert not (NEED_NOT.keys() | WORKING_FILES) - writers, "these are listed, and do not write"
    for name in ASKS:
        asked = {called for called, _ in _calls(files[name])}
        assert asked & {"require", "ask"}, f"{name} does not ask"


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may leave, not even for a folder of this machine."""
    monkeypatch.setenv("ENDOLINK_EGRESS", "")


def command(*words: object) -> None:
    done = CliRunner().invoke(build(), [str(word) for word in words])
    assert done.exception is not None, done.output
    raise done.exception


@pytest.fixture(scope="module")
def study(models: Models, tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    _, (still, *_) = dicom_study(tmp_path_factory.mktemp("study"))
    return score([str(still)], models.get(), Reading())


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("form", [form for form in Form if form not in ON_SCREEN])
def test_every_form_of_results_asks(
    form: Form, models: Models, study: StudyResult, tmp_path: Path
) -> None:
    ((_, sink),) = make_sinks([form], models.get(), identifiers=False).items()
    with pytest.raises(EgressRefused):
        sink.write(study, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", [Form.DICOM_SR, Form.KEY_OBJECTS, Form.CAPTURES])
def test_a_pacs_is_asked_for_beside_the_folder(
    form: Form, models: Models, study: StudyResult, tmp_path: Path
) -> None:
    pacs = "https://pacs.example.org/dicom-web"
    ((_, sink),) = make_sinks([form], models.get(), identifiers=False, store=pacs).items()
    with pytest.raises(EgressRefused, match=re.escape(pacs)):
        sink.write(study, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_job_asks_for_its_ledger_and_for_its_overview(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, out = tmp_path / "frames", tmp_path / "out"
    frames.mkdir()
    (frames / "a.jpg").write_bytes(picture(size=(320, 256)))
    job = Job(out, models.get(), {})
    monkeypatch.setenv("ENDOLINK_EGRESS", "verdicts=local")
    with pytest.raises(EgressRefused, match="identifiers"):
        job.open_ledger(resume=False)
    assert not out.exists()
    monkeypatch.setenv("ENDOLINK_EGRESS", f"verdicts,identifiers={out / 'private'}")
    with job.open_ledger(resume=False) as ledger, pytest.raises(EgressRefused, match="verdicts"):
        list(run(job, ledger, find([str(frames)]), Unwritten()))
    assert not (out / "studies.csv").exists()


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize(
    "words",
    [
        ("score", "FRAME"),
        ("score", "FRAME", "--format", "jsonl"),
        ("score", "FRAME", "--out", "OUT"),
        ("score", "FRAME", "--out", "OUT", "--engine", "ray"),
        ("watch", "FOLDER", "--out", "OUT"),
        ("deidentify", "FOLDER", "OUT"),
        ("reviewed", "FOLDER", "--by", "me"),
        ("audit", "export", "LOG"),
        ("audit", "export", "LOG", "--out", "OUT"),
        ("retained", "export", "FOLDER", "F0", "OUT", "--key", "KEY"),
        ("evaluate", "--data", "folder:FOLDER", "--report", "OUT"),
        ("evaluate", "--data", "folder:FOLDER", "--verdicts", "OUT"),
    ],
    ids=" ".join,
)
def test_every_command_that_writes_asks(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://head.example.org:10001")
    frame = tmp_path / "frame.jpg"
    frame.write_bytes(picture(size=(320, 256)))
    named = {"FRAME": frame, "FOLDER": tmp_path, "folder:FOLDER": f"folder:{tmp_path}"}
    with pytest.raises(EgressRefused):
        command(*(named.get(word, tmp_path / word if word.isupper() else word) for word in words))
    assert list(tmp_path.iterdir()) == [frame]


@pytest.mark.usefixtures("nothing")
def test_what_training_hands_on_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EgressRefused, match="model-updates"):
        tiny_bundle(tmp_path / "bundle")
    contact_sheet = pytest.importorskip("endolink.training.contact_sheet")
    with pytest.raises(EgressRefused, match="pixels"):
        contact_sheet.write_sheet(tmp_path / "sheet.jpg", [], [], [])
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("nothing")
def test_what_tracks_a_training_asks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
    trackers = pytest.importorskip("endolink.training.trackers")
    from tests.training.conftest import TINY  # noqa: PLC0415 - it imports torch

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    with trackers.tracking(tmp_path, TINY) as track:
        track(0, {"loss": 1.0})
    assert "aggregates=https://mlflow.example.org would be one" in caplog.text


def test_the_service_asks_for_all_that_it_will_write_or_send(
    models: Models, tmp_path: Path
) -> None:
    SigningKey.create(tmp_path / "audit.key")
    KeyFile(tmp_path / "retained.key").create()
    whole = {
        "audit": str(tmp_path / "audit.sqlite"),
        "audit_key": tmp_path / "audit.key",
        "traces": "https://collector.example.org/v1/traces",
        "retain": tmp_path / "retained",
        "retain_key": tmp_path / "retained.key",
        "retain_purpose": "review",
        "retain_days": 30,
        "retain_when": "all",
        "retain_clients": "*",
    }
    rules = [
        f"verdicts={tmp_path}",
        "aggregates=https://collector.example.org",
        f"pixels={tmp_path / 'retained'}",
    ]
    for number, rule in enumerate(rules):
        others = ";".join(other for other in rules if other != rule)
        with pytest.raises(EgressRefused):
            create_app(Settings.model_validate({**whole, "egress": others}), models)
        # The log itself is the one thing that cannot be noted in the log.
        assert (tmp_path / "audit.sqlite").exists() == bool(number)
        assert not (tmp_path / "retained").exists()
    store = Store.open(str(tmp_path / "audit.sqlite"), create=False)
    noted = [json.loads(entry.body) for entry in store.entries("main")]
    store.close()
    assert [(note["to"], note["allowed"]) for note in noted] == [
        ("local", True),
        ("https://collector.example.org:443", False),
        ("local", True),
        ("https://collector.example.org:443", True),
        ("local", False),
    ]


@pytest.mark.usefixtures("nothing")
def test_a_database_elsewhere_is_asked_for_before_it_is_spoken_to(tmp_path: Path) -> None:
    key = SigningKey.create(tmp_path / "audit.key")
    with pytest.raises(EgressRefused, match=r"verdicts=postgresql://db\.example\.org/audit would"):
        AuditLog.open("postgresql://me:secret@db.example.org/audit", "main", key)
