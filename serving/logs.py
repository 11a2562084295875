"""The log: one line an event, of named fields, and never a pixel, a file name or a patient."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Format = Literal["text", "json"]


@dataclass(frozen=True)
class Event:
    """What happened, with its figures; as text `name field=value ...`.

    Fields hold what the service made itself (names of resources, codes, counts, times), and nothing
    that a client sent.
    """

    name: str
    fields: Mapping[str, str | int | float]

    def __str__(self) -> str:
        return " ".join((self.name, *(f"{key}={value}" for key, value in self.fields.items())))


def log(logger: logging.Logger, level: int, name: str, **fields: str | int | float) -> None:
    """Write the event `name` with `fields`."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s", Event(name, fields))


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON; an event's fields are keys of their own."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        match record.args:
            case (Event() as event,):
                line |= {"event": event.name, **event.fields}
            case _:
                line["message"] = record.getMessage()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
