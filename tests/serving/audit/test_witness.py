import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from endolink.model.egress import Passage, require
from endolink.model.errors import AuditKeyUnusable, EgressRefused
from endolink.serving.audit.checkpoint import SigningKey, keys_of
from endolink.serving.audit.store import Store
from endolink.serving.audit.verify import verify
from endolink.serving.audit.witness import CommandSettings, entry_of, note, rules_of


@pytest.fixture
def remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    SigningKey.create(tmp_path / "audit.key")
    monkeypatch.setenv("ENDOLINK_AUDIT", str(tmp_path / "audit.sqlite"))
    monkeypatch.setenv("ENDOLINK_AUDIT_KEY", str(tmp_path / "audit.key"))
    monkeypatch.setenv("ENDOLINK_AUDIT_CHAIN", "north")
    return tmp_path


def noted(folder: Path) -> list[dict[str, object]]:
    store = Store.open(str(folder / "audit.sqlite"), create=False)
    entries = list(store.entries("north-commands"))
    keys = keys_of(SigningKey.read(folder / "audit.key").public)
    report = verify("north-commands", entries, store.checkpoints("north-commands"), keys)
    store.close()
    assert report.ok
    # Nothing that a command noted is left unsigned.
    assert report.unprotected == 0
    return [json.loads(entry.body) for entry in entries]


def test_what_a_command_may_and_may_not_is_noted(remembered: Path) -> None:
    rules = rules_of("score")
    require(frozenset({"verdicts"}), remembered / "Phantom^Paula", rules)
    with pytest.raises(EgressRefused):
        require(frozenset({"pixels"}), "https://pacs.example.org/Phantom^Paula", rules)
    assert noted(remembered) == [
        {"by": "score", "kinds": ["verdicts"], "to": "local", "allowed": True},
        {
            "by": "score",
            "kinds": ["pixels"],
            "to": "https://pacs.example.org:443",
            "allowed": False,
        },
    ]


def test_commands_that_run_at_once_each_have_their_entry(remembered: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda n: note("egress", {"n": n}), range(12)))
    assert sorted(str(body["n"]) for body in noted(remembered)) == sorted(map(str, range(12)))


def test_without_a_log_nothing_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENDOLINK_AUDIT", raising=False)
    assert not note("egress", {})


def test_a_log_that_cannot_be_signed_stops_the_command(remembered: Path) -> None:
    (remembered / "audit.key").unlink()
    with pytest.raises(AuditKeyUnusable):
        require(frozenset({"verdicts"}), remembered, rules_of("score"))


def test_an_entry_says_who_asked(remembered: Path) -> None:
    assert CommandSettings().chain == "north-commands"
    passage = Passage(("aggregates",), "https://c.example.org:443", allowed=True)
    assert entry_of(passage, "serve")["by"] == "serve"
