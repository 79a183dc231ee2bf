"""Rows that events become."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from services.common.email import EmailAddress
from services.common.events import AccessAudited, DeadLetter, EmailParsed, ObjectFiled, PlaceRelinked, SyncReported
from services.storer import rows
from services.storer.copying import Json
from services.storer.merging import EMAIL_NAMES
from services.storer.rows import attachment_rows
from tests.corpus_mail import messages
from tests.fakes.mail_events import INTERNALDATE, message, parsed, place, with_file

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def row(event: EmailParsed) -> dict[str, Any]:
    return dict(zip((*EMAIL_NAMES, "searched"), rows.email_row(event), strict=True))


async def of(**fields: str) -> dict[str, Any]:
    return row((await parsed(message(**fields).as_bytes()))[0])


async def test_a_message_by_its_columns() -> None:
    event, _ = await parsed(
        message(
            "合同",
            "Good morning",
            Message_ID="<own@x>",
            In_Reply_To="<parent@x>",
            References="<root@x> <parent@x>",
            Cc="Cleo <cleo@example.org>",
            Bcc="hidden@example.org",
            Reply_To="desk@example.org",
            Sender="office@example.org",
        ).as_bytes()
    )
    found = row(event)
    assert {name: found[name] for name in EMAIL_NAMES[:16] if name != "addresses"} == {
        "account_id": "work",
        "content_sha256": event.contentsha256,
        "parser_version": event.email.mailweir.parser_version,
        "size": event.size,
        "message_id": "own@x",
        "in_reply_to": ("parent@x",),
        "reference_ids": ("root@x", "parent@x"),
        "subject": "合同",
        "from_email": "ada@example.org",
        "from_name": "Ada",
        "recipients": ("bob@example.com", "cleo@example.org", "hidden@example.org"),
        "sent_at": datetime(2026, 11, 20, 9, tzinfo=UTC),
        "received_at": INTERNALDATE,
        "has_attachment": False,
        "preview": "Good morning",
    }
    lists = found["addresses"].value
    assert {name: [each.email for each in value] for name, value in lists.items() if value} == {
        "from": ["ada@example.org"],
        "sender": ["office@example.org"],
        "to": ["bob@example.com"],
        "cc": ["cleo@example.org"],
        "bcc": ["hidden@example.org"],
        "replyTo": ["desk@example.org"],
    }
    assert found["body_text"].strip() == "Good morning"
    assert (found["body_html"], found["headers"].value) == (None, event.email.headers)
    assert found["structure"].value == event.email.body_structure
    assert (found["facts"].value.place, found["facts"].value.derived_text) == (None, None)
    assert {"ada", "合同", "morning", "cleo"} <= set(found["searched"].replace("'", " ").replace(":", " ").split())


async def test_who_sent_it_where_nobody_is_from_and_who_it_is_for() -> None:
    event, _ = await parsed(message().as_bytes())
    sender, hidden = EmailAddress(name="Desk", email="desk@x"), EmailAddress(name=None, email="hidden@x")
    sent = row(replace(event, email=replace(event.email, from_=None, sender=(sender,), to=None, bcc=(hidden,))))
    assert (sent["from_email"], sent["from_name"], sent["recipients"]) == ("desk@x", "Desk", ("hidden@x",))
    nobody = row(
        replace(event, email=replace(event.email, from_=(), message_id=("\x00",), sent_at="9999-12-31T23:59:59-12:00"))
    )
    assert [nobody[name] for name in ("from_email", "from_name", "message_id", "sent_at")] == [None] * 4
    assert (nobody["in_reply_to"], nobody["reference_ids"]) == ((), ())
    assert nobody["defects"] == ("store.message-id-cut", "store.date-removed")
    dateless = row(replace(event, email=replace(event.email, message_id=None, sent_at=None)))
    assert (dateless["message_id"], dateless["sent_at"], dateless["defects"]) == (None, None, ())


async def test_what_a_row_cannot_hold_is_told_once() -> None:
    event, _ = await parsed(message().as_bytes())
    odd = EmailAddress(name=None, email="a" * 1_001)
    assert row(event)["defects"] == ()
    for changed, code in (
        ({"subject": "a\x00b"}, "store.nul-removed"),
        ({"message_id": ("a" * 1_001,)}, "store.message-id-cut"),
        ({"from_": (odd,)}, "store.sender-cut"),
        ({"sent_at": "9999-12-31T23:59:59-12:00"}, "store.date-removed"),
    ):
        assert row(replace(event, email=replace(event.email, **changed)))["defects"] == (code,)


async def test_a_text_that_was_derived_stands_in_where_there_is_none() -> None:
    made = message(text="plain words")
    made.add_alternative("<p>marked words</p>", subtype="html")
    event, _ = await parsed(made.as_bytes())
    assert (row(event)["body_text"].strip(), row(event)["body_html"].strip()) == ("plain words", "<p>marked words</p>")
    facts = replace(event.email.mailweir, derived_text="derived words")
    derived = row(replace(event, email=replace(event.email, text_body=(), mailweir=facts)))
    assert derived["body_text"] == "derived words"
    assert "derived" in derived["searched"]
    both = row(replace(event, email=replace(event.email, mailweir=facts)))
    assert both["body_text"].strip() == "plain words"
    assert "derived" not in both["searched"]
    assert both["facts"].value == replace(facts, place=None, derived_text=None)


async def test_the_texts_of_one_mail_stand_on_lines_of_their_own() -> None:
    mail = message(text="first")
    mail.make_mixed()
    mail.add_attachment("second", disposition="inline")
    event, _ = await parsed(mail.as_bytes())
    first, second = (value.value for value in event.email.body_values.values())
    assert row(event)["body_text"] == f"{first}\n{second}"


@pytest.mark.parametrize("version", ["", "1.x", "v1", "1.", "1.0-beta", "1" * 10, "1.2\n"])
async def test_a_version_that_cannot_be_compared_makes_no_row(version: str) -> None:
    event, _ = await parsed(message().as_bytes())
    facts = replace(event.email.mailweir, parser_version=version)
    with pytest.raises(ValueError, match="parser version"):
        rows.email_row(replace(event, email=replace(event.email, mailweir=facts)))


async def test_versions_are_compared_as_numbers() -> None:
    event, _ = await parsed(message().as_bytes())
    facts = replace(event.email.mailweir, parser_version="2.10")
    assert rows.version(replace(event.email, mailweir=facts)) == (2, 10) > rows.numbers("2.9.9")


async def test_a_place_a_file_and_an_object_by_their_columns() -> None:
    event, (file,) = await parsed(with_file(message(), b"%PDF-1", "a/b.pdf").as_bytes(), 7, flags=("\\Seen",))
    again = PlaceRelinked(place=place(7), contentsha256="b" * 64, internaldate=None, size=9, flags=("work",))
    where = ("work-INBOX", 1700000000, 7, "work", "INBOX")
    assert rows.place_row(event) == (*where, event.contentsha256, INTERNALDATE, ("\\Seen",))
    assert rows.place_row(again) == (*where, "b" * 64, None, ("work",))
    kind, name, safe = "application/pdf", "a/b.pdf", file.safename
    identity = ("work", event.contentsha256, file.partid, file.partsha256, 6)
    assert rows.attachment_rows(event) == [(*identity, kind, name, safe, "attachment", None)]
    unknown = replace(event, email=replace(event.email, mailweir=replace(event.email.mailweir, parts={})))
    assert rows.attachment_rows(unknown) == [(*identity, kind, name, f"part-{file.partid}", "attachment", None)]
    (whole,) = event.email.attachments
    for lacking in (replace(whole, part_id=None), replace(whole, blob_id=None)):
        assert rows.attachment_rows(replace(event, email=replace(event.email, attachments=(lacking,)))) == []
    filed = ObjectFiled(
        place=place(7), contentsha256="b" * 64, internaldate=None, size=9, kind="attachment", sha256="c" * 64,
        bucket="mail", key="work/x", objectsize=6, contenttype=kind, detectedtype="image/png",
    )  # fmt: skip
    assert rows.object_row(filed) == ("work", "attachment", "c" * 64, "mail", "work/x", 6, kind, "image/png")


async def test_a_file_out_of_a_text_names_the_part_that_it_comes_from() -> None:
    event, (file,) = await parsed(message(text="See below\n\nbegin 644 cat.txt\n#0V%T\n`\nend\n").as_bytes())
    ((*_, name, _, _, parent),) = rows.attachment_rows(event)
    assert (file.partid, name, parent) == ("1.d1", "cat.txt", "1")


@pytest.mark.parametrize("kind", ["image/png", "audio/ogg", "video/mp4"])
async def test_media_that_a_text_shows_have_a_row(kind: str) -> None:
    mail = message()
    mail.make_mixed()
    mail.add_attachment(b"data", *kind.split("/"), disposition="inline")
    event, (file,) = await parsed(mail.as_bytes())
    assert event.email.attachments == ()
    assert [row[2:6] for row in rows.attachment_rows(event)] == [(file.partid, file.partsha256, 4, kind)]


def test_a_report_by_its_columns() -> None:
    report = SyncReported(
        account="work", folderid="f1", folder="合同", wire="x", uidvalidity=5, sequence=6, epoch=7, listed=8,
        published=9, quarantined=10, vanished=11, missing=12, servercount=13, passedat=NOW, lasterror="why",
        nexttry=NOW, budgetleft=14,
    )  # fmt: skip
    assert rows.sync_row(report) == {
        "account_id": "work", "folder_id": "f1", "folder": "合同", "wire": "x", "uidvalidity": 5, "sequence": 6,
        "epoch": 7, "listed": 8, "published": 9, "quarantined": 10, "vanished": 11, "missing": 12, "server_count": 13,
        "last_pass": NOW, "last_error": "why", "next_try": NOW, "budget_left": 14, "state": "active",
    }  # fmt: skip


def test_an_access_by_its_columns() -> None:
    done = AccessAudited(
        id="1", at=NOW, service="poller", account="work", action="fetch", outcome="ok", folderid="f1", folder="INBOX",
        uidvalidity=5, uids="1:3", octets=9, detail="d",
    )  # fmt: skip
    where = ("f1", "INBOX", 5, "1:3", 9)
    assert rows.audit_row(done) == ("1", NOW, "poller", "work", "fetch", "ok", *where, "d")


def letter(topic: str, key: bytes, *headers: tuple[str, bytes]) -> DeadLetter:
    return DeadLetter(
        topic=topic, partition=1, offset=2, service="parser", error="refused.x", reason="why", at=NOW, key=key,
        value=None, headers=headers,
    )  # fmt: skip


def test_a_dead_letter_by_its_columns() -> None:
    found = rows.dead_letter_row(letter("mail.fetched", b"work/f1/5/7", ("ce_id", b"\xff")))
    assert found[:9] == ("mail.fetched", 1, 2, "parser", "refused.x", "why", NOW, b"work/f1/5/7", None)
    assert found[9:] == (Json([["ce_id", "ff"]]), "work", "f1", 5, 7)


@pytest.mark.parametrize(
    ("topic", "key", "subject", "told"),
    [
        ("mail.parsed", b"other", b"work/f1/5/7", ("work", "f1", 5, 7)),
        ("mail.filed", b"work/f1/5/7", b"", ("work", "f1", 5, 7)),
        ("mail.mailbox", b"work/f1/5/7", b"", ("work", None, None, None)),
        ("mail.fetched", b"work/f1/5", b"", ("work", None, None, None)),
        ("mail.fetched", b"work/f1/5/7/8", b"", ("work", None, None, None)),
        ("mail.fetched", b"work/f1/x/7", b"", ("work", None, None, None)),
        ("mail.fetched", b"work/f1/5/12345678901", b"", ("work", None, None, None)),
        ("mail.fetched", b"work/" + b"f" * 991 + b"/5/7", b"", ("work", "f" * 991, 5, 7)),
        ("mail.fetched", b"work/" + b"f" * 992 + b"/5/7", b"", ("work", None, None, None)),
        ("mail.fetched", b"\xff/f1/5/7", b"", ("\ufffd", "f1", 5, 7)),
        ("mail.fetched", b"", b"", (None, None, None, None)),
    ],
    ids=str,
)
def test_the_place_of_a_dead_letter_is_told_as_far_as_it_says_one(
    topic: str, key: bytes, subject: bytes, told: tuple[object, ...]
) -> None:
    headers = (("ce_subject", subject),) if subject else ()
    assert rows.dead_letter_row(letter(topic, key, *headers))[10:] == told


async def test_every_file_that_is_published_has_a_row_and_no_row_is_without_its_file() -> None:
    shown = 0
    for raw in messages(400):
        mail, files = await parsed(raw)
        found = [(part, sha256) for _, _, part, sha256, *_ in attachment_rows(mail)]
        assert found == [(file.partid, file.partsha256) for file in files]
        shown += len(found) - len(mail.email.attachments)
    assert shown > 0
