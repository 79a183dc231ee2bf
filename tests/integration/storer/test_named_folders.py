"""A folder has one name in all rows: the one it has now. And nothing about a place is lost beside one being stored."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from services.common import topics
from services.common.events import EmailParsed, FolderGone, FolderRenamed, MessagesVanished
from services.storer.adapters import write_parsed
from services.storer.mailbox import write_mailbox
from tests.fakes.mail_events import message, parsed
from tests.integration.storer.conftest import Storer
from tests.integration.storer.test_mailbox import about, flags, report
from tests.polling import until_meanwhile

NAMES = "SELECT uid, folder FROM email_places ORDER BY uid"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


def renamed(sequence: int, name: str, before: str = "INBOX") -> FolderRenamed:
    return FolderRenamed(**(about(sequence) | {"folder": name, "wire": name}), oldfolder=before, oldwire=before)


async def mail(uid: int) -> EmailParsed:
    return (await parsed(message(f"n{uid}").as_bytes(), uid))[0]


async def test_mail_of_a_renamed_folder_has_its_new_name_before_and_after(storer: Storer) -> None:
    await storer.take(topics.MAIL_PARSED, [await mail(1)])
    await storer.take(topics.MAIL_MAILBOX, [report(1), renamed(2, "Letters")])
    await storer.take(topics.MAIL_PARSED, [await mail(2)])  # fetched under the old name
    assert storer.rows(NAMES) == [(1, "Letters"), (2, "Letters")]


async def test_an_older_rename_that_is_repeated_changes_nothing(storer: Storer) -> None:
    await storer.take(topics.MAIL_PARSED, [await mail(1)])
    await storer.take(topics.MAIL_MAILBOX, [report(1), renamed(2, "One"), renamed(3, "Two", "One"), renamed(2, "One")])
    await storer.take(topics.MAIL_MAILBOX, [renamed(2, "One")])
    assert storer.rows(NAMES) == [(1, "Two")]


async def test_a_folder_that_is_renamed_before_its_first_report_has_one_name_after_it(storer: Storer) -> None:
    await storer.take(topics.MAIL_PARSED, [await mail(1)])
    await storer.take(topics.MAIL_MAILBOX, [renamed(2, "Letters")])
    await storer.take(topics.MAIL_PARSED, [await mail(2)])
    first = report(3)
    await storer.take(topics.MAIL_MAILBOX, [type(first)(**(_fields(first) | {"folder": "Letters"}))])
    assert storer.rows(NAMES) == [(1, "Letters"), (2, "Letters")]


async def test_mail_of_a_folder_that_is_reported_under_another_name_has_that_name(storer: Storer) -> None:
    """The record of the poller was lost while the folder was renamed: nobody tells of the rename."""
    await storer.take(topics.MAIL_PARSED, [await mail(1)])
    again = report(3)
    await storer.take(
        topics.MAIL_MAILBOX, [report(1), type(again)(**(_fields(again) | {"folder": "Letters"})), report(2)]
    )
    assert storer.rows(NAMES) == [(1, "Letters")]


def _fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


async def test_a_folder_that_is_reported_again_is_no_longer_gone(storer: Storer) -> None:
    await storer.take(topics.MAIL_MAILBOX, [report(1), FolderGone(**about(2)), report(3, listed=4)])
    assert storer.rows("SELECT state, listed FROM email_sync_status") == [("active", 4)]


async def _beside(storer: Storer, write: Callable[..., None], first: Sequence[Any], then: Any) -> None:
    """Begin ``first`` in a transaction, start ``then`` until it waits, and end the transaction."""
    other = storer.engine.raw_connection()
    try:
        write(other.cursor(), first)
        task = asyncio.create_task(then)
        await until_meanwhile(lambda: task.done() or storer.value(WAITING) == 1, 30)
        other.commit()
    finally:
        other.close()
    assert await task == []


CHANGES = [flags(5, "1", "\\Seen"), MessagesVanished(**about(6), uids="1"), report(1), renamed(7, "Letters")]
CHANGED = [(["\\Seen"], False, "Letters")]


@pytest.mark.parametrize("stored_first", [True, False])
async def test_what_changes_while_its_message_is_being_stored_is_not_lost(storer: Storer, stored_first: bool) -> None:
    event = await mail(1)
    if stored_first:
        await _beside(storer, write_parsed, [event], storer.take(topics.MAIL_MAILBOX, CHANGES))
    else:
        await _beside(storer, write_mailbox, CHANGES, storer.take(topics.MAIL_PARSED, [event]))
    assert storer.rows("SELECT flags, visible, folder FROM email_places") == CHANGED
    assert storer.value("SELECT count(*) FROM place_states") == 0


async def test_an_epoch_that_is_closed_holds_up_none_of_the_next(storer: Storer) -> None:
    await storer.take(topics.MAIL_PARSED, [await mail(1)])
    other = storer.engine.raw_connection()
    try:
        write_mailbox(other.cursor(), [MessagesVanished(**about(6), uids="1")])
        again, _ = await parsed(message("n1").as_bytes(), 1, uidvalidity=1800000000)
        assert await storer.take(topics.MAIL_PARSED, [again]) == []
        other.commit()
    finally:
        other.close()
    assert storer.rows("SELECT uidvalidity, visible FROM email_places ORDER BY 1") == [
        (1700000000, False),
        (1800000000, True),
    ]
