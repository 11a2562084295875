import re

import pytest

from endolink.model.findings import FINDINGS, finding


def test_codes_labels_and_snomed_codes_are_well_formed() -> None:
    for code, known in FINDINGS.items():
        assert code == known.code
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
        assert known.label[0].isupper()
        assert re.search(r"[\u4e00-\u9fff]", known.label_zh)
        assert known.snomed is None or re.fullmatch(r"\d{6,18}", known.snomed)


def test_the_contracts_codes_are_there() -> None:
    contract = (
        "polyp cecum bbps-2-3 bbps-0-1 impacted-stool bleeding barretts suspicious hgd cancer"
    )
    assert set(contract.split()) <= set(FINDINGS)


def test_an_unknown_code_is_refused_with_those_that_are_known() -> None:
    assert finding("polyp").kind == "lesion"
    with pytest.raises(KeyError, match=r"no finding is called 'polypp'.*polyp, "):
        finding("polypp")
