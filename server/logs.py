"""
Logs are events: one line of JSON each, with opaque ids and numbers, never with anything about a person.

A field that FIELDS does not list is refused: its value is not written, its name is, so that somebody notices. The same
holds for a value that is no number and no plain token: a sentence, an address or an SDP never reaches a log by mistake.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from typing import Any, TextIO

FIELDS = frozenset(
    # ids that mean nothing outside
    {"request_id", "visit", "room", "seat", "link", "track", "relay", "pid", "client", "account", "job", "visit_id"}
    # what happened
    | {
        "method",
        "route",
        "status",
        "principal",
        "error",
        "where",
        "code",
        "state",
        "trigger",
        "role",
        "reason",
        "source",
    }
    | {
        "event_kind",
        "rule",
        "level",
        "direction",
        "layer",
        "path",
        "close_code",
        "revision",
        "setting",
        "program",
        "task",
    }
    # how much, how long
    | {
        "took_ms",
        "count",
        "attempts",
        "delay_s",
        "size_bytes",
        "rate_bps",
        "lag_ms",
        "generation",
        "version",
        "dropped",
    }
    # the audit chain's head: a witness outside the machine, where logs are collected
    | {"number", "hash"}
)
# Identifiers, enum values, routes, class names: nothing with a blank, an @, a quote or a non-ASCII letter.
_TOKEN = re.compile(r"[A-Za-z0-9_.:/{}<>+-]{0,120}")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
MAX_FRAMES = 12


class EventFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. The message is the event's name; arguments are never mixed into it."""
        line: dict[str, Any] = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "event": _event(record),
        }
        fields, refused = accepted(record)
        line |= fields
        if refused:
            line["refused"] = refused
        if record.exc_info and record.exc_info[1] is not None:
            line |= _fault(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True)


def accepted(record: logging.LogRecord) -> tuple[dict[str, Any], list[str]]:
    """Return the fields that may be written, and the names of those that may not."""
    fields: dict[str, Any] = {}
    refused: list[str] = []
    for name, value in vars(record).items():
        if name in _STANDARD:
            continue
        if name in FIELDS and _is_harmless(value):
            fields[name] = value
        else:
            refused.append(name[:60])
    return fields, sorted(refused)


def _is_harmless(value: object) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return True
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def _event(record: logging.LogRecord) -> str:
    """The event's name; a library's prose becomes the name of its logger and nothing more."""
    text = record.msg if isinstance(record.msg, str) else ""
    return text if not record.args and _TOKEN.fullmatch(text) else f"{record.name}:{record.lineno}"


def _fault(error: BaseException) -> dict[str, Any]:
    """Where an exception came from, without its message: messages quote what they were given."""
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    return {"fault": type(error).__name__, "frames": [f"{f.filename.rsplit('/', 2)[-1]}:{f.lineno}" for f in frames]}


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send every logger of the process through the formatter to standard error."""
    output = logging.StreamHandler(stream or sys.stderr)
    output.setFormatter(EventFormatter())
    logging.basicConfig(level=level.upper(), handlers=[output], force=True)
    logging.raiseExceptions = False  # a broken pipe must not print the record's arguments
    for chatty in ("asyncio", "aiohttp", "sqlalchemy", "aiortc", "aioice", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
