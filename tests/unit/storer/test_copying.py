"""The text form of COPY: whatever a value holds, a row is one line and comes back as it was."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.storer.copying import Json, Row, octets_of

_UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def text_of(rows: list[Row]) -> str:
    return octets_of(rows).decode()


def read_back(line: str) -> list[str | None]:
    """COPY's reading (PostgreSQL manual), as far as we write it."""
    fields = line.removesuffix("\n").split("\t")
    return [
        None if field == "\\N" else re.sub(r"\\[\\tnr]", lambda m: _UNESCAPED[m.group()], field) for field in fields
    ]


@given(st.lists(st.one_of(st.none(), TEXT), min_size=1, max_size=5))
def test_texts_come_back(values: list[str | None]) -> None:
    line = text_of([tuple(values)])
    assert line.count("\n") == 1
    expected = [None if value is None else value.replace("\x00", "") for value in values]
    assert read_back(line) == expected


@given(st.dictionaries(TEXT, TEXT, max_size=4))
def test_json_comes_back_without_nul(value: dict[str, str]) -> None:
    (read,) = read_back(text_of([(Json(value),)]))
    assert read is not None
    clean = {name.replace("\x00", ""): text.replace("\x00", "") for name, text in value.items()}
    assert json.loads(read) == clean or len(clean) < len(value)


@given(st.lists(TEXT, max_size=4))
def test_arrays_are_quoted(values: list[str]) -> None:
    (read,) = read_back(text_of([(tuple(values),)]))
    assert read is not None
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', read, re.DOTALL)
    assert [re.sub(r"\\(.)", r"\1", each, flags=re.DOTALL) for each in found] == [v.replace("\x00", "") for v in values]


def test_other_values() -> None:
    assert text_of([(True, False, 7, b"\x00\xff")]) == "t\tf\t7\t\\\\x00ff\n"


def test_a_lone_surrogate_is_no_text() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        octets_of([("\ud800",)])
