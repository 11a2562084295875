"""Every Python example of docs/streams.md, run against a real service."""

import re

import pytest

from tests.conftest import REPOSITORY
from tests.serving.service import Running

PAGE = (REPOSITORY / "docs/streams.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_runs(
    example: str, running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    code = example.replace("http://127.0.0.1:8000", running.url)
    exec(compile(code, "docs/streams.md", "exec"), {"__name__": "example"})
    if "print(verdict" in code:
        assert capsys.readouterr().out


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3
