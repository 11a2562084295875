"""An exported audit log, as somebody else hands it in to be verified."""

import json

from endolink.model.errors import AuditUnavailable
from endolink.serving.audit.entry import GENESIS, Entry, canonical, seal
from endolink.serving.audit.export import Exported
from endolink.serving.audit.verify import verify
from tests.fuzz import scratch

LONGEST = 8192


def check(data: bytes) -> None:
    """Read the file and verify it: nothing that is no chain counts as one."""
    path = scratch.file("audit_export", "audit.jsonl", data)
    try:
        exported = Exported.read(path)
        report = verify(exported.chain, exported.entries(), exported.checkpoints, {})
        for entry in exported.entries():
            assert entry.time
    except AuditUnavailable as error:
        assert error.detail
        return
    # Without a trusted key nothing is protected, whatever the file says.
    assert report.protected == 0
    assert report.ok or report.faults[0].what


def seeds() -> dict[str, bytes]:
    """A chain of three entries with a checkpoint, whole, reordered, and of odd values."""

    entries: list[Entry] = []
    for number in range(1, 4):
        previous = entries[-1].hash if entries else GENESIS
        body = canonical({"who": "key:1", "frames": number})
        entries.append(seal("c", previous, number, at=number, kind="frame", body=body))
    checkpoint = {"sequence": 3, "at": 4, "hash": entries[2].hash.hex(), "key_id": "k"}
    head = {"format": "endolink-audit-1", "chain": "c"}
    signed = head | {"checkpoints": [checkpoint | {"signature": "AAAA"}]}
    lines = [
        json.dumps([entry.sequence, entry.at, entry.kind, entry.body, entry.hash.hex()])
        for entry in entries
    ]
    first = json.dumps(head | {"checkpoints": []})
    return {
        name: "\n".join(written).encode() + b"\n"
        for name, written in {
            "whole": [first, *lines],
            "signed": [json.dumps(signed), *lines],
            "reordered": [first, lines[1], lines[0], lines[2]],
            "surrogate": [first, '[1,1,"\\ud800","\\udfff","00"]'],
            "years": [first, f'[1,{10**30},"k","{{}}","00"]', f'[2,-{10**17},"k","{{}}","00"]'],
            "deep": [first, "[" * 4000],
            "deep-head": ["[" * 4000],
        }.items()
    }
