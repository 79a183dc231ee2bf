"""Which dead letters are one in rows, and which stand beside each other, after a topic was made anew."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from services.common import topics
from services.common.events import DeadLetter
from tests.integration.storer.conftest import Storer
from tests.integration.storer.test_completeness import letter

OLD, NEW = letter(1), replace(letter(1), value=b"new")
LATER = OLD.at + timedelta(days=1)


async def take(storer: Storer, *letters: DeadLetter) -> None:
    """One after the other, as they come."""
    for each in letters:
        assert await storer.take(topics.twin(topics.MAIL_FETCHED), [each]) == []


@pytest.mark.parametrize("changed", [{"key": b"work/other/1700000000/2"}, {"value": b"new"}, {"value": None}])
async def test_other_bytes_at_an_offset_are_another_letter(storer: Storer, changed: dict[str, Any]) -> None:
    other = replace(OLD, **changed)
    await take(storer, OLD, other, OLD, other)
    found = storer.rows('SELECT key, value, "offset" < 0 FROM dead_letters ORDER BY id')
    assert [(bytes(key), value and bytes(value), moved) for key, value, moved in found] == [
        (OLD.key, OLD.value, True),
        (other.key, other.value, False),
    ]


async def test_one_record_at_two_offsets_is_two_letters(storer: Storer) -> None:
    await take(storer, OLD, replace(OLD, offset=2))
    assert storer.rows('SELECT "offset" FROM dead_letters ORDER BY id') == [(1,), (2,)]


@pytest.mark.parametrize("third", [{"value": b"third"}, {"at": LATER}, {"service": "storer"}])
async def test_only_the_letter_that_was_moved_is_passed_over(storer: Storer, third: dict[str, Any]) -> None:
    await take(storer, OLD, NEW, replace(OLD, offset=2, **third))
    assert storer.rows('SELECT greatest("offset", 0) FROM dead_letters ORDER BY id') == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    ("state", "at", "after"),
    [
        ("replayed", LATER, ("open", "again", "bug.Other")),
        ("replayed", OLD.at, ("replayed", "the handler raised", "bug.ValueError")),
        ("dropped", LATER, ("dropped", "the handler raised", "bug.ValueError")),
    ],
)
async def test_a_letter_that_fails_again_is_open_unless_somebody_dropped_it(
    storer: Storer, state: str, at: datetime, after: tuple[str, str, str]
) -> None:
    await take(storer, OLD)
    with storer.engine.begin() as connection:
        connection.execute(text("UPDATE dead_letters SET state = :state"), {"state": state})
    await take(storer, replace(OLD, at=at, reason="again", error="bug.Other"))
    assert storer.rows("SELECT state, reason, error FROM dead_letters") == [after]
