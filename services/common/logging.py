"""Structured logs: one JSON object a line, or short lines for people on a terminal.

Context (place, event id, topic) goes in as ``extra={"place": ...}``. Nothing here looks into messages: callers never
pass subjects, bodies or secrets. Control characters and those that turn the direction of writing are taken out, so
that outside text cannot forge a line.
"""

import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

MAX_TEXT = 2000
CHATTY = ("faust", "mode", "aiokafka", "kafka", "urllib3", "asyncio")
_REMEMBERED = 1000
FIELDS = ("account", "folder", "place", "event_id", "topic", "partition", "offset", "count", "seconds", "attempt")
_TURNING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROL = dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029, *_TURNING), " ")


def clean(text: str) -> str:
    """Text on one line without control characters, at most ``MAX_TEXT`` characters."""
    return text.translate(_CONTROL)[:MAX_TEXT]


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, service, logger, message, context, error."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line for one record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        line |= {name: _plain(getattr(record, name)) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            line |= _failure(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


class HumanFormatter(logging.Formatter):
    """``12:30:01 warning parser: text (topic=mail.fetched)``."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line for one record."""
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        context = " ".join(f"{name}={_plain(getattr(record, name))}" for name in FIELDS if hasattr(record, name))
        text = f"{at} {record.levelname.lower()} {self._service}: {clean(record.getMessage())}"
        if record.exc_info and record.exc_info[0] is not None:
            failure = _failure(record.exc_info[1])
            text += f" [{failure['error']}: {failure['trace']}]"
        return f"{text} ({context})" if context else text


class Seldom(logging.Filter):
    """Lets each text of a chatty library pass once in ``interval`` seconds: aiokafka repeats some 50 times a second."""

    def __init__(self, interval: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._interval = interval
        self._clock = clock
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is logged."""
        if not record.name.startswith(CHATTY):
            return True
        text, now = (record.name, str(record.msg)), self._clock()
        if now - self._last.get(text, float("-inf")) < self._interval:
            return False
        if len(self._last) > _REMEMBERED:
            self._last.clear()
        self._last[text] = now
        return True


def _plain(value: object) -> object:
    return value if isinstance(value, int | float) else clean(str(value))


def _failure(error: BaseException | None) -> dict[str, object]:
    """Class of an exception and where it came from. Its text stays out: it may hold a row or a line of mail."""
    trace = []
    step = error.__traceback__ if error is not None else None
    while step is not None:
        trace.append(f"{step.tb_frame.f_code.co_filename.rpartition('/')[2]}:{step.tb_lineno}")
        step = step.tb_next
    return {"error": type(error).__name__, "trace": " > ".join(trace[-8:])}


def configure(service: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logs to ``stream`` (default stderr): human lines on a terminal, else JSON. Replaces other handlers."""
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.addFilter(Seldom())
    handler.setFormatter(HumanFormatter(service) if target.isatty() else JsonFormatter(service))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in CHATTY:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
