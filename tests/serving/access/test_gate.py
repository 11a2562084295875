import asyncio
import time
from pathlib import Path

import pytest

from endolink.model.errors import Forbidden, Unauthenticated
from endolink.serving.access.gate import Gate, bearer
from endolink.serving.access.keys import KeyRing


def test_without_recognisers_anybody_may() -> None:
    assert asyncio.run(Gate().admit(None, "admin")).name == "anybody"


def test_who_is_known_may_what_they_may(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "k")
    _, text = ring.create("a", ["score"])
    gate = Gate([ring])
    assert asyncio.run(gate.admit(text, "score")).may("score")
    with pytest.raises(Forbidden):
        asyncio.run(gate.admit(text, "admin"))


def test_every_refusal_says_the_same_and_takes_as_long(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "k")
    key, text = ring.create("a", ["score"])
    ring.revoke(key.id)
    gate, said = Gate([ring]), set()
    for credential in (None, "", "nonsense", text, text[:-1] + "x", "a.b.c"):
        begun = time.monotonic()
        with pytest.raises(Unauthenticated) as caught:
            asyncio.run(gate.admit(credential, "score"))
        said.add(caught.value.detail)
        assert time.monotonic() - begun >= 0.05
    assert len(said) == 1


@pytest.mark.parametrize(
    ("header", "credential"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
    ],
)
def test_a_bearer_header_is_read(header: str | None, credential: str | None) -> None:
    assert bearer(header) == credential
