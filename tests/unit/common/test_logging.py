"""Log lines: structured, on one line, without control characters, without the text of exceptions."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from services.common.logging import Seldom, clean, configure


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_a_json_line_carries_its_context_and_cannot_be_forged() -> None:
    stream = io.StringIO()
    configure("parser", "info", stream)
    log = logging.getLogger("services.test")
    log.warning("server says: %s", 'hello\r\n{"level": "forged"}\x1b[31m', extra={"place": "a/b\n/1", "count": 3})
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert (found["level"], found["service"], found["place"], found["count"]) == ("warning", "parser", "a/b /1", 3)
    assert "\x1b" not in found["message"]


def test_an_exception_is_named_and_located_but_not_quoted() -> None:
    stream = io.StringIO()
    configure("parser", "info", stream)
    try:
        raise ValueError("canary: a line of mail")
    except ValueError:
        logging.getLogger("services.test").exception("a bug")
    found = json.loads(stream.getvalue())
    assert found["error"] == "ValueError"
    assert "test_logging.py:" in found["trace"]
    assert "canary" not in stream.getvalue()


def test_a_terminal_gets_lines_for_people() -> None:
    stream = Terminal()
    configure("parser", "debug", stream)
    logging.getLogger("services.test").info("ready", extra={"topic": "mail.fetched"})
    assert stream.getvalue().rstrip().endswith("info parser: ready (topic=mail.fetched)")


def test_a_chatty_library_repeats_itself_only_now_and_then() -> None:
    now = [0.0]
    seldom = Seldom(10, lambda: now[0])

    def passes(name: str, text: str) -> bool:
        return seldom.filter(logging.LogRecord(name, logging.ERROR, "", 0, text, (), None))

    assert passes("aiokafka", "cannot connect")
    assert not passes("aiokafka", "cannot connect")
    assert passes("aiokafka", "something else")
    assert passes("services.parser", "ours")
    assert passes("services.parser", "ours")
    now[0] = 11
    assert passes("aiokafka", "cannot connect")


def test_outside_text_is_cut() -> None:
    assert clean("a\u2028b" + "x" * 5000) == "a b" + "x" * 1997
    assert clean("a\u202eb\u2066c\u061cd") == "a b c d"
