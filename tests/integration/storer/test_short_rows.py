"""Objects and audit entries: rows that stand in the statement are stored as sent, once, and stage nothing."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from services.common import topics
from services.common.events import AccessAudited, ObjectFiled
from services.common.service import Rejected
from services.storer.adapters import write_audit, write_filed
from tests.fakes.mail_events import place
from tests.integration.storer.conftest import Storer

HOSTILE = ("plain", 'it\'s "50 %s" \\ \\N \\u0000', "tab\tline\r\nend", "合同 \U0001f600", "%(name)s; --", "")
WHEN = datetime(2026, 11, 21, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=8)))
AUDITED = AccessAudited(
    id="1", at=WHEN, service="poller", account="work", action="fetch", outcome="ok", folder="合同", uids="1:3,5",
    octets=2**40,
)  # fmt: skip
FILED = ObjectFiled(
    place=place(), contentsha256="c" * 64, internaldate=None, size=1, kind="attachment", sha256="a" * 64,
    bucket="mailweir", key="work/a", objectsize=2**40, contenttype="text/plain",
)  # fmt: skip


def filed(number: int, key: str) -> ObjectFiled:
    return replace(FILED, sha256=f"{number:064}", key=key)


async def test_whatever_a_name_holds_is_stored_as_sent(storer: Storer) -> None:
    events = [filed(number, name) for number, name in enumerate(HOSTILE)]
    assert await storer.take(topics.MAIL_FILED, events) == []
    assert storer.rows("SELECT key FROM objects ORDER BY sha256") == [(name,) for name in HOSTILE]


async def test_a_nul_is_left_out(storer: Storer) -> None:
    assert await storer.take(topics.MAIL_FILED, [filed(1, "a\x00b")]) == []
    assert await storer.take(topics.MAIL_AUDIT, [replace(AUDITED, detail="\x00c\\u0000")]) == []
    assert storer.rows("SELECT o.key, a.detail FROM objects o, audit_log a") == [("ab", "c\\u0000")]


async def test_numbers_moments_and_nothing_keep_their_value(storer: Storer) -> None:
    await storer.take(topics.MAIL_AUDIT, [AUDITED])
    await storer.take(topics.MAIL_FILED, [FILED])
    columns = "at, folder_id, folder, uidvalidity, uids, octets, detail"
    assert storer.rows(f"SELECT {columns} FROM audit_log") == [(WHEN, None, "合同", None, "1:3,5", 2**40, "")]
    found = storer.rows("SELECT account_id, kind, bucket, size, content_type, detected_type FROM objects")
    assert found == [("work", "attachment", "mailweir", 2**40, "text/plain", None)]


async def test_repeats_in_one_batch_and_later_change_nothing(storer: Storer) -> None:
    for key in ("first", "second"):
        assert await storer.take(topics.MAIL_FILED, [filed(1, key), filed(1, key), filed(2, key)]) == []
        assert await storer.take(topics.MAIL_AUDIT, [replace(AUDITED, detail=key)] * 2) == []
    assert storer.rows("SELECT key FROM objects ORDER BY sha256") == [("first",), ("first",)]
    assert storer.rows("SELECT detail FROM audit_log") == [("first",)]


async def test_what_is_no_unicode_is_refused_alone(storer: Storer) -> None:
    outcomes = await storer.take(topics.MAIL_FILED, [filed(1, "a"), filed(2, "\udc80"), filed(3, "c")])
    assert outcomes == [
        Rejected(filed(2, "\udc80"), "refused.data", "it holds a value that a row cannot (UnicodeEncodeError)")
    ]
    assert storer.value("SELECT count(*) FROM objects") == 2


@pytest.mark.parametrize("at", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
async def test_any_moment_of_the_calendar_is_taken(storer: Storer, at: datetime) -> None:
    assert await storer.take(topics.MAIL_AUDIT, [replace(AUDITED, at=at)]) == []
    assert storer.value("SELECT at FROM audit_log") == at


def test_no_staging_table_is_made_that_each_commit_would_empty(storer: Storer) -> None:
    with storer.engine.begin() as connection:
        connection.exec_driver_sql("DISCARD TEMP")
        cursor = connection.connection.cursor()
        write_filed(cursor, [FILED])
        write_audit(cursor, [AUDITED])
        cursor.execute("SELECT count(*) FROM pg_class WHERE pg_table_is_visible(oid) AND relpersistence = 't'")
        assert cursor.fetchone() == (0,)
