import io
import json
import logging

from endolink.serving.logs import Event, JsonLines, log


def written(formatter: logging.Formatter) -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger("endolink.x", logging.INFO)
    logger.addHandler(handler)
    return logger, stream


def test_an_event_is_text_for_people() -> None:
    assert str(Event("refused", {"status": 503, "code": "overloaded"})) == (
        "refused status=503 code=overloaded"
    )
    logger, stream = written(logging.Formatter("%(levelname)s %(message)s"))
    log(logger, logging.INFO, "switched", model="tiny")
    log(logger, logging.DEBUG, "answered", ms=1.5)
    assert stream.getvalue() == "INFO switched model=tiny\n"


def test_and_keys_for_programs_one_line_each() -> None:
    logger, stream = written(JsonLines())
    log(logger, logging.WARNING, "refused", status=503, where="a\nb")
    logger.info("a library says %d", 7)
    event, message = map(json.loads, stream.getvalue().splitlines())
    assert event.pop("time").endswith("+00:00")
    assert event == {
        "level": "warning",
        "logger": "endolink.x",
        "event": "refused",
        "status": 503,
        "where": "a\nb",
    }
    assert message["message"] == "a library says 7"


def test_an_exception_is_a_field() -> None:
    logger, stream = written(JsonLines())
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logger.exception("failed")
    assert "ZeroDivisionError" in json.loads(stream.getvalue())["exception"]
