from dataclasses import replace

from endolink.serving.audit.checkpoint import keys_of
from endolink.serving.retention.record import Deletion, KeptFrame, Signer
from tests.serving.retention.conftest import ABOUT


def test_a_frame_reads_as_it_was_written() -> None:
    assert KeptFrame.from_bytes(ABOUT.to_bytes()) == ABOUT


def test_a_record_of_deletion_names_digests_and_is_signed(signer: Signer) -> None:
    record = Deletion.of(replace(ABOUT, id="F0"), "s" * 64, 1_500_000, "asked", signer)
    trusted = keys_of(signer.key.public)
    assert record.verified(trusted)
    assert record.fields["frame"] == ABOUT.frame
    assert record.fields["sealed"] == "s" * 64
    assert record.fields["by"] == "a tester"
    assert not replace(record, body=record.body.replace("F0", "F1")).verified(trusted)
    assert not record.verified({})
