"""One JSON object a line on stderr: constant messages, fields for the rest."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
VALUE_CHARS_MAX = 2000
_log = logging.getLogger("rollouts")


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "msg": record.getMessage()[:VALUE_CHARS_MAX],
        }
        if record.name != "rollouts":
            line["logger"] = record.name
        for name, value in getattr(record, "fields", {}).items():
            line.setdefault(name, value[:VALUE_CHARS_MAX] if isinstance(value, str) else value)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"[:VALUE_CHARS_MAX]
            line["stack"] = self.formatException(record.exc_info)[-4 * VALUE_CHARS_MAX :]
        return orjson.dumps(line, default=str).decode()


def set_up(level: str = "info") -> None:
    """Send every log line of the process to stderr as JSON."""
    # No line has them, and asking for them costs as much as writing the line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(max(LEVELS[level], logging.INFO))  # other libraries log headers and bodies at debug level
    _log.setLevel(LEVELS[level])


def info(message: str, **fields: Any) -> None:
    """Something that whoever debugs the controller may want to know."""
    if _log.isEnabledFor(logging.INFO):
        _log.info(message, extra={"fields": fields})


def warn(message: str, **fields: Any) -> None:
    """Something that may need a hand."""
    _log.warning(message, extra={"fields": fields})


def error(message: str, cause: BaseException | None = None, **fields: Any) -> None:
    """Something of ours that is broken."""
    _log.error(message, exc_info=cause, extra={"fields": fields})
