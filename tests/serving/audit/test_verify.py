"""Whatever is done to a chain by somebody without the key is found."""

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endolink.serving.audit.checkpoint import Checkpoint, SigningKey, keys_of
from endolink.serving.audit.entry import GENESIS, Entry, canonical, seal
from endolink.serving.audit.verify import PRUNED, verify

COUNT, EVERY = 60, 10
CHAIN = "main"


def build(key: SigningKey, count: int = COUNT) -> tuple[list[Entry], list[Checkpoint]]:
    entries: list[Entry] = []
    checkpoints = []
    previous = GENESIS
    for number in range(1, count + 1):
        body = canonical({"client": f"app-{number % 3}", "verdict": f"{number:064x}"})
        entries.append(seal(CHAIN, previous, number, at=10**15 + number, kind="frame", body=body))
        previous = entries[-1].hash
        if number % EVERY == 0:
            checkpoints.append(key.sign(CHAIN, number, 10**15 + number, previous))
    return entries, checkpoints


def resealed(entries: list[Entry]) -> list[Entry]:
    """As an attacker would who can compute hashes, but not sign."""
    made: list[Entry] = []
    for number, entry in enumerate(entries, 1):
        previous = made[-1].hash if made else GENESIS
        made.append(seal(CHAIN, previous, number, at=entry.at, kind=entry.kind, body=entry.body))
    return made


def faults(entries: list[Entry], checkpoints: list[Checkpoint], key: SigningKey) -> int:
    return len(verify(CHAIN, entries, checkpoints, keys_of(key.public)).faults)


def test_an_untouched_chain_is_sound(key: SigningKey) -> None:
    entries, checkpoints = build(key, 65)
    report = verify(CHAIN, entries, checkpoints, keys_of(key.public))
    assert report.ok
    assert (report.first, report.last, report.protected, report.unprotected) == (1, 65, 60, 5)


def test_an_empty_chain_is_sound(key: SigningKey) -> None:
    assert verify(CHAIN, [], [], keys_of(key.public)).ok


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_flipped_bit_is_found(key: SigningKey, data: st.DataObject) -> None:
    entries, checkpoints = build(key)
    place = data.draw(st.integers(0, COUNT - 1))
    field = data.draw(st.sampled_from(["sequence", "at", "kind", "body", "hash"]))
    value = getattr(entries[place], field)
    if isinstance(value, int):
        changed: object = value ^ (1 << data.draw(st.integers(0, 50)))
    else:
        raw = bytearray(value.encode("latin-1") if isinstance(value, str) else value)
        bit = data.draw(st.integers(0, len(raw) * 8 - 1))
        raw[bit // 8] ^= 1 << bit % 8
        changed = raw.decode("latin-1") if isinstance(value, str) else bytes(raw)
    fields = {name: getattr(entries[place], name) for name in Entry.__slots__} | {field: changed}
    entries[place] = Entry(**fields)
    # As the database gives them: by their number.
    entries.sort(key=lambda entry: entry.sequence)
    assert faults(entries, checkpoints, key)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_dropped_or_swapped_entry_is_found_even_with_new_hashes(
    key: SigningKey, data: st.DataObject
) -> None:
    entries, checkpoints = build(key)
    first, second = sorted(data.draw(st.sets(st.integers(0, COUNT - 1), min_size=2, max_size=2)))
    if data.draw(st.booleans()):
        entries[first], entries[second] = entries[second], entries[first]
    else:
        del entries[first]
    assert faults(entries, checkpoints, key)
    assert faults(resealed(entries), checkpoints, key)


def test_an_edited_entry_is_named(key: SigningKey) -> None:
    entries, checkpoints = build(key)
    entries[41] = dataclasses.replace(entries[41], body='{"client":"nobody"}')
    report = verify(CHAIN, entries, checkpoints, keys_of(key.public))
    assert [fault.sequence for fault in report.faults] == [42]


def test_removed_entries_are_counted(key: SigningKey) -> None:
    entries, checkpoints = build(key)
    report = verify(CHAIN, entries[:20] + entries[25:], checkpoints, keys_of(key.public))
    assert "entries 21 to 25 are missing" in report.faults[0].what


def test_a_cut_end_is_found_by_its_checkpoint_or_by_one_kept_elsewhere(key: SigningKey) -> None:
    entries, checkpoints = build(key)
    keys = keys_of(key.public)
    assert not verify(CHAIN, entries[:55], checkpoints, keys).ok
    assert verify(CHAIN, entries[:55], checkpoints[:-1], keys).ok  # nothing left that tells
    assert not verify(CHAIN, entries[:55], checkpoints[:-1], keys, held=checkpoints[-1:]).ok


def test_a_cut_beginning_needs_a_signed_reason(key: SigningKey) -> None:
    entries, checkpoints = build(key)
    keys = keys_of(key.public)
    assert not verify(CHAIN, entries[20:], checkpoints[1:], keys).ok
    assert not verify(CHAIN, entries[20:], checkpoints[2:], keys).ok
    reason = canonical({"through": 20, "hash": entries[19].hash.hex()})
    entries.append(seal(CHAIN, entries[-1].hash, 61, at=10**15 + 61, kind=PRUNED, body=reason))
    checkpoints.append(key.sign(CHAIN, 61, 10**15 + 61, entries[-1].hash))
    assert verify(CHAIN, entries[20:], checkpoints[1:], keys).ok
    assert not verify(CHAIN, entries[30:], checkpoints[2:], keys).ok


def test_a_strangers_signature_is_not_trusted(
    key: SigningKey, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = SigningKey.create(tmp_path_factory.mktemp("stranger") / "key")
    entries, checkpoints = build(stranger)
    report = verify(CHAIN, entries, checkpoints, keys_of(key.public))
    assert len(report.faults) == len(checkpoints)
    assert report.protected == 0


@pytest.mark.soak
def test_a_million_entries(key: SigningKey) -> None:
    entries, checkpoints = build(key, 1_000_000)
    keys = keys_of(key.public)
    assert verify(CHAIN, entries, checkpoints, keys).ok
    rng = random.Random(7)
    for _ in range(10):
        place = rng.randrange(len(entries))
        kept = entries[place]
        raw = bytearray(kept.body.encode())
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(7)
        entries[place] = dataclasses.replace(kept, body=raw.decode("latin-1"))
        report = verify(CHAIN, entries, checkpoints, keys)
        assert [fault.sequence for fault in report.faults] == [place + 1]
        entries[place] = kept
        dropped = entries.pop(place)
        assert not verify(CHAIN, entries, checkpoints, keys).ok
        entries.insert(place, dropped)
        other = (place + 1 + rng.randrange(len(entries) - 1)) % len(entries)
        entries[place], entries[other] = entries[other], entries[place]
        assert not verify(CHAIN, entries, checkpoints, keys).ok
        entries[place], entries[other] = entries[other], entries[place]
