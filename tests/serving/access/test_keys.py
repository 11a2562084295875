import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endolink.model.errors import KeysUnusable
from endolink.serving.access import keys
from endolink.serving.access.keys import KeyRing


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyRing:
    monkeypatch.setattr(keys, "LOOK_AGAIN_S", 0)
    return KeyRing(tmp_path / "keys.json")


def test_a_key_is_recognised(ring: KeyRing) -> None:
    key, text = ring.create("room 2", ["score", "stream"])
    found = ring.recognise(text)
    assert found is not None
    assert found.name == f"key:{key.id}:room 2"
    assert found.scopes == {"score", "stream"}


def test_only_its_hash_is_kept_for_its_owner(ring: KeyRing) -> None:
    _, text = ring.create("a", ["score"])
    secret = text.rpartition("_")[2]
    stored = ring.path.read_text()
    assert secret not in stored
    assert text not in repr(ring.listed())
    assert hashlib.sha256(text[-43:].encode()).hexdigest() in stored
    assert ring.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in ring.path.parent.iterdir()] == ["keys.json"]


def test_a_revoked_key_is_good_for_nothing_and_the_next_one_already_works(ring: KeyRing) -> None:
    running = KeyRing(ring.path)
    first, old = ring.create("a", ["score"])
    assert running.recognise(old)
    _, new = ring.create("a", ["score"])
    assert running.recognise(old)
    assert running.recognise(new)
    ring.revoke(first.id)
    assert running.recognise(old) is None
    assert running.recognise(new)


def test_an_expired_key_is_good_for_nothing(tmp_path: Path) -> None:
    now = [1000.0]
    ring = KeyRing(tmp_path / "k", clock=lambda: now[0])
    _, text = ring.create("a", ["score"], days=1)
    assert ring.recognise(text)
    now[0] += 86_400
    assert ring.recognise(text) is None


@given(st.text(max_size=100))
def test_nothing_else_is_recognised(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    ring = KeyRing(tmp_path_factory.getbasetemp() / "other.json")
    if not ring.path.exists():
        ring.create("a", ["score"])
    assert ring.recognise(text) is None


def test_a_letter_more_or_less_is_another_key(ring: KeyRing) -> None:
    _, text = ring.create("a", ["score"])
    for other in (text + "a", text[:-1], text[:-1] + ("a" if text[-1] != "a" else "b"), f" {text}"):
        assert ring.recognise(other) is None


def test_a_key_without_name_or_scope_is_not_made(ring: KeyRing) -> None:
    for name, scopes in (("", ["score"]), ("a", []), ("a", ["everything"])):
        with pytest.raises(KeysUnusable):
            ring.create(name, scopes)


@pytest.mark.parametrize("content", ["", "[]", '{"keys": [{}]}', '{"version": 2, "keys": []}'])
def test_another_file_is_refused(ring: KeyRing, content: str) -> None:
    ring.path.write_text(content)
    with pytest.raises(KeysUnusable, match="not a file of keys"):
        ring.listed()


def test_an_unknown_key_cannot_be_revoked(ring: KeyRing) -> None:
    with pytest.raises(KeysUnusable, match="no key"):
        ring.revoke("0" * 12)


def test_the_file_is_json_that_people_can_read(ring: KeyRing) -> None:
    ring.create("a", ["score"])
    assert json.loads(ring.path.read_text())["keys"][0]["name"] == "a"
