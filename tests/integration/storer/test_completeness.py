"""The view: listed = stored + pending + quarantined + vanished + missing, from the sets of all stages."""

import os
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from services.common import topics
from services.common.completeness import folders_of, ledger, statuses
from services.common.events import DeadLetter, EmailParsed, ObjectFiled
from tests.fakes.mail_events import message, parsed, place, with_file
from tests.integration.storer.conftest import Storer


def filed(mail: EmailParsed, kind: str = "message", sha256: str | None = None) -> ObjectFiled:
    return ObjectFiled(
        place=mail.place, contentsha256=mail.contentsha256, internaldate=None, size=mail.size, kind=kind,
        sha256=sha256 or mail.contentsha256, bucket="mailweir", key=f"work/{kind}/{sha256}", objectsize=1,
        contenttype="message/rfc822",
    )  # fmt: skip


def letter(uid: int, topic: str = "mail.fetched") -> DeadLetter:
    return DeadLetter(
        topic=topic, partition=0, offset=uid, service="parser", error="bug.ValueError", reason="the handler raised",
        at=datetime(2026, 11, 21, tzinfo=UTC), key=place(uid).subject.encode(), value=b"x\x00y",
        headers=(("ce_id", b"1"),),
    )  # fmt: skip


def listed(storer: Storer, listed_set: str, published: str, vanished: str = "{}") -> None:
    where = place()
    values = {"id": where.folderid, "uv": where.uidvalidity, "l": listed_set, "p": published, "v": vanished}
    with storer.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO folders (id, account, wire, name, state, uidvalidity) VALUES (:id, 'work', :w, 'INBOX', "
                 "'active', :uv)"), {**values, "w": b"INBOX"},
        )  # fmt: skip
        connection.execute(
            text("INSERT INTO folder_ledger (folder_id, epoch, uidvalidity, listed, published, vanished) VALUES "
                 "(:id, 1, :uv, CAST(:l AS int8multirange), CAST(:p AS int8multirange), CAST(:v AS int8multirange))"),
            values,
        )  # fmt: skip


def numbers(storer: Storer) -> dict[str, int]:
    ((status,),) = [account.folders for account in statuses(storer.engine, [("work", "active")])]
    assert folders_of(storer.engine, "work") == [status]
    names = ("listed", "published", "stored", "pending", "quarantined", "vanished", "missing")
    return {name: getattr(status, name) for name in names}


async def test_every_listed_message_is_in_exactly_one_state(storer: Storer) -> None:
    listed(storer, "{[1,9)}", "{[1,6)}", "{[8,9)}")
    mails = [(await parsed(message(f"n{uid}").as_bytes(), uid))[0] for uid in (1, 2, 3)]
    await storer.take(topics.MAIL_PARSED, mails)
    await storer.take(topics.MAIL_FILED, [filed(mail) for mail in mails[:2]])
    await storer.take(topics.twin(topics.MAIL_FETCHED), [letter(4)])
    assert numbers(storer) == {
        "listed": 8, "published": 5, "stored": 2, "pending": 2, "quarantined": 1, "vanished": 1, "missing": 2,
    }  # fmt: skip
    states = {line.uid: line.state for line in ledger(storer.engine)}
    assert states == {
        1: "stored", 2: "stored", 3: "pending", 4: "quarantined", 5: "pending", 6: "missing", 7: "missing",
        8: "vanished",
    }  # fmt: skip


def test_a_folder_that_nobody_has_read_yet_is_told(storer: Storer) -> None:
    listed(storer, "{[1,3)}", "{}")
    with storer.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO folders (id, account, wire, name, state, last_error) VALUES "
                 "('new', 'work', 'New', 'New', 'active', 'no'), ('old', 'work', 'Old', 'Old', 'gone', NULL)")
        )  # fmt: skip
    (account,) = statuses(storer.engine, [("work", "active")])
    inbox, new = account.folders
    assert (inbox.folder, inbox.listed, inbox.missing) == ("INBOX", 2, 2)
    assert (new.folder, new.listed, new.missing, new.last_pass, new.last_error) == ("New", 0, 0, None, "no")
    assert folders_of(storer.engine, "work") == [inbox, new]


async def test_what_is_stored_before_the_poller_has_noted_that_it_was_handed_on_is_counted_once(
    storer: Storer,
) -> None:
    listed(storer, "{[1,6)}", "{[1,2)}")
    mails = [(await parsed(message(f"n{uid}").as_bytes(), uid))[0] for uid in (1, 2, 3)]
    await storer.take(topics.MAIL_PARSED, mails)
    await storer.take(topics.MAIL_FILED, [filed(mail) for mail in mails])
    assert numbers(storer) == {
        "listed": 5, "published": 1, "stored": 3, "pending": 0, "quarantined": 0, "vanished": 0, "missing": 2,
    }  # fmt: skip
    assert [line.uid for line in ledger(storer.engine) if line.state == "missing"] == [4, 5]


async def test_what_the_server_is_not_known_to_have_listed_is_in_no_figure(storer: Storer) -> None:
    """A ledger that was lost begins anew, and rows that came back from the store are more than the server has left."""
    listed(storer, "{[1,4)}", "{[1,3)}")
    mails = [(await parsed(message(f"n{uid}").as_bytes(), uid))[0] for uid in (1, 2, 7, 8)]
    await storer.take(topics.MAIL_PARSED, mails)
    await storer.take(topics.MAIL_FILED, [filed(mail) for mail in mails])
    await storer.take(topics.twin(topics.MAIL_FETCHED), [letter(9)])
    expected = {"listed": 3, "published": 2, "stored": 2, "pending": 0, "quarantined": 0, "vanished": 0, "missing": 1}
    assert numbers(storer) == expected
    with storer.engine.begin() as connection:
        connection.execute(text("UPDATE settled_places SET settled = '{[1,3),[7,9)}'"))  # found by the lost ledger
    assert numbers(storer) == expected
    assert [(line.uid, line.state) for line in ledger(storer.engine)] == [(1, "stored"), (2, "stored"), (3, "missing")]


async def test_a_message_is_stored_only_with_all_its_objects(storer: Storer) -> None:
    listed(storer, "{[1,2)}", "{[1,2)}")
    mail, (file,) = await parsed(with_file(message(), b"%PDF-1", "a.pdf").as_bytes())
    await storer.take(topics.MAIL_PARSED, [mail])
    assert numbers(storer)["pending"] == 1
    await storer.take(topics.MAIL_FILED, [filed(mail)])
    assert numbers(storer)["pending"] == 1
    await storer.take(topics.MAIL_FILED, [filed(mail, "attachment", file.partsha256)])
    assert (numbers(storer)["pending"], numbers(storer)["stored"]) == (0, 1)


async def test_a_dead_letter_is_kept_whole_and_once_and_settled_ones_do_not_count(storer: Storer) -> None:
    listed(storer, "{[1,2)}", "{[1,2)}")
    for _ in range(2):
        await storer.take(topics.twin(topics.MAIL_FETCHED), [letter(1), letter(1)])
    assert storer.rows("SELECT encode(value, 'hex'), headers, account_id, uid FROM dead_letters") == [
        ("780079", [["ce_id", "31"]], "work", 1)
    ]
    assert numbers(storer)["quarantined"] == 1
    with storer.engine.begin() as connection:
        connection.execute(text("UPDATE dead_letters SET state = 'dropped'"))
    assert (numbers(storer)["quarantined"], numbers(storer)["pending"]) == (0, 1)


@pytest.mark.parametrize("together", [True, False])
async def test_letters_of_a_topic_that_was_made_anew_do_not_hide_each_other(storer: Storer, together: bool) -> None:
    old, new = letter(1), replace(letter(1), key=b"work/other/1700000000/2", value=b"y")
    for letters in [[old, new]] if together else [[old], [new], [old], [new]]:
        assert await storer.take(topics.twin(topics.MAIL_FETCHED), letters) == []
    found = storer.rows('SELECT value, state, "offset" < 0 FROM dead_letters ORDER BY id')
    assert [(bytes(value), state, moved) for value, state, moved in found] == [
        (old.value, "open", True),
        (new.value, "open", False),
    ]


async def test_a_dead_letter_without_a_key_is_of_the_place_that_it_names(storer: Storer) -> None:
    listed(storer, "{[1,2)}", "{[1,2)}")
    keyless = replace(letter(1), key=b"", headers=(("ce_subject", letter(1).key),))
    await storer.take(topics.twin(topics.MAIL_FETCHED), [keyless])
    assert storer.rows("SELECT key = '', account_id, uid FROM dead_letters") == [(True, "work", 1)]
    assert (numbers(storer)["quarantined"], numbers(storer)["pending"]) == (1, 0)


async def test_a_dead_letter_with_any_key_is_kept(storer: Storer) -> None:
    keys = (b"", b"\xff/\x00/1/2", b"work", b"a/b/99999999999999999999999/1", b"work/f/x/y", b"a/b/\xc2\xb2/1")
    letters = [replace(letter(number, "mail.parsed"), key=key) for number, key in enumerate(keys)]
    assert await storer.take(topics.twin(topics.MAIL_PARSED), letters) == []
    assert storer.value("SELECT count(*) FROM dead_letters") == len(keys)


async def test_a_letter_with_a_key_of_any_length_is_listed(storer: Storer) -> None:
    key = b"work/" + os.urandom(4_000).hex().encode() + b"/1/2"
    assert await storer.take(topics.DEAD_LETTER_TOPICS[0], [replace(letter(1), key=key)]) == []
    assert storer.rows("SELECT account_id, folder_id, octet_length(key) FROM dead_letters") == [
        ("work", None, len(key))
    ]
