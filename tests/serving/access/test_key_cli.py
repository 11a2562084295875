from pathlib import Path

from typer.testing import CliRunner

from endolink.serving.access.key_cli import key
from endolink.serving.access.keys import KeyRing


def run(*words: object) -> str:
    done = CliRunner().invoke(key, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_key_is_made_listed_and_revoked(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    text = run("create", "room-2", "--scope", "score", "--scope", "stream", "--file", file).strip()
    ring = KeyRing(file)
    assert ring.recognise(text)
    (made,) = ring.listed()
    assert made.expires is not None
    assert 364 < (made.expires - made.created) / 86_400 < 366
    assert "room-2" in run("list", "--file", file)
    assert text not in run("list", "--file", file)
    assert "revoked" in run("revoke", made.id, "--file", file)
    assert "revoked" in run("list", "--file", file)
    assert KeyRing(file).recognise(text) is None


def test_a_key_may_have_no_end(tmp_path: Path) -> None:
    run("create", "a", "--scope", "metrics", "--days", 0, "--file", tmp_path / "k")
    assert KeyRing(tmp_path / "k").listed()[0].expires is None
