import re
from collections.abc import Iterator
from pathlib import Path

from endolink.model import errors
from endolink.model.errors import EndoLinkError


def _tree(kind: type[EndoLinkError]) -> Iterator[type[EndoLinkError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _tree(child)


def test_every_error_has_a_code_and_a_title_of_its_own() -> None:
    kinds = list(_tree(EndoLinkError))
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert len({kind.title for kind in kinds}) == len(kinds)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code) for kind in kinds)


def test_the_drawing_shows_the_tree_as_it_is() -> None:
    drawing = (errors.__doc__ or "").partition("`code` is stable")[0]
    drawn = re.findall(r"[├└]── (\w+)", drawing)
    assert sorted(drawn) == sorted(kind.__name__ for kind in _tree(EndoLinkError))
    for kind in _tree(EndoLinkError):
        if not kind.__subclasses__():
            assert re.search(rf"{kind.__name__} +{kind.code}\b", drawing), kind.__name__


def test_an_error_says_its_detail() -> None:
    error = errors.Overloaded("Come back soon.", retry_after=0.5)
    assert str(error) == error.detail == "Come back soon."
    assert error.retry_after == 0.5


def test_no_error_is_defined_elsewhere() -> None:
    rooms = Path(errors.__file__).resolve().parent.parent
    for room in ("model", "serving", "training", "sample_data"):
        for file in (rooms / room).rglob("*.py"):
            if file.name != "errors.py":
                assert not re.search(
                    r"^class \w+\((\w*Error|Exception)\)", file.read_text(), re.MULTILINE
                )
