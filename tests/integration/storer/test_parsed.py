"""Parsed mail as rows, on a real Postgres."""

import pytest
from msgspec.structs import replace

from services.common import lookup, topics
from services.common.email import EmailAddress, EmailBodyPart, EmailHeader
from services.common.events import Event, PlaceRelinked
from services.common.message.search_text import query_of
from services.common.service import Rejected
from tests.fakes.mail_events import message, parsed, place, with_file
from tests.integration.storer.conftest import Storer
from tests.integration.storer.test_mailbox import flags

COUNTS = "SELECT (SELECT count(*) FROM emails), (SELECT count(*) FROM email_places), (SELECT count(*) FROM attachments)"


async def test_a_message_becomes_a_row_with_its_place_and_attachments(storer: Storer) -> None:
    raw = with_file(message("合同", "请查收附件"), b"%PDF-1", "合同.pdf").as_bytes()
    mail, _ = await parsed(raw, flags=("\\Seen",))
    assert await storer.take(topics.MAIL_PARSED, [mail]) == []
    assert storer.rows("SELECT account_id, subject, from_email, from_name, recipients, body_text FROM emails") == [
        ("work", "合同", "ada@example.org", "Ada", ["bob@example.com"], "请查收附件\n")
    ]
    assert storer.rows("SELECT folder, uid, flags, visible, email_id IS NOT NULL FROM email_places") == [
        ("INBOX", 1, ["\\Seen"], True, True)
    ]
    assert storer.rows("SELECT name, safe_name, size, content_type, account_id FROM attachments") == [
        ("合同.pdf", "合同.pdf", 6, "application/pdf", "work")
    ]


async def test_repeats_and_copies_make_no_second_row(storer: Storer) -> None:
    raw = with_file(message(), b"x", "a.pdf").as_bytes()
    first, _ = await parsed(raw, 1)
    copy, _ = await parsed(raw, 2)
    elsewhere, _ = await parsed(raw, 1, folder="Archive")
    for batch in ([first, copy, first], [first], [elsewhere, copy]):
        assert await storer.take(topics.MAIL_PARSED, batch) == []
    assert storer.rows(COUNTS) == [(1, 3, 1)]


async def test_a_repeat_writes_no_row_anew(storer: Storer) -> None:
    mail, _ = await parsed(with_file(message(), b"x", "a.pdf").as_bytes())
    written = "SELECT e.xmin::text, p.xmin::text, a.xmin::text FROM emails e, email_places p, attachments a"
    await storer.take(topics.MAIL_PARSED, [mail])
    before = storer.rows(written)
    await storer.take(topics.MAIL_PARSED, [mail])
    assert storer.rows(written) == before


async def test_a_place_that_holds_other_bytes_is_of_these(storer: Storer) -> None:
    for text in ("before", "after"):
        mail, _ = await parsed(message("s", text).as_bytes())
        await storer.take(topics.MAIL_PARSED, [mail])
    shown = "SELECT p.content_sha256, e.content_sha256 FROM email_places p JOIN emails e ON e.id = p.email_id"
    assert storer.rows(shown) == [(mail.contentsha256, mail.contentsha256)]


async def test_the_last_bytes_of_a_place_count_in_a_batch_of_several_transactions(storer: Storer) -> None:
    mails = [(await parsed(message(f"{uid}", Message_ID=f"<{uid}@x>").as_bytes(), uid))[0] for uid in range(1, 131)]
    late, _ = await parsed(message("late", Message_ID="<late@x>").as_bytes(), 1)
    assert await storer.take(topics.MAIL_PARSED, [*mails, late]) == []
    assert storer.value("SELECT content_sha256 FROM email_places WHERE uid = 1") == late.contentsha256


async def test_a_repeat_gives_no_flags_back_that_were_taken_off_or_changed(storer: Storer) -> None:
    for uid in (1, 2):
        mail, _ = await parsed(message().as_bytes(), uid, flags=("\\Seen",))
        await storer.take(topics.MAIL_PARSED, [mail])
    await storer.take(topics.MAIL_MAILBOX, [flags(5, "1")])
    for uid in (1, 2):
        older, _ = await parsed(message().as_bytes(), uid, flags=("\\Flagged",))
        await storer.take(topics.MAIL_PARSED, [older])
    assert storer.rows("SELECT uid, flags FROM email_places ORDER BY uid") == [(1, []), (2, ["\\Seen"])]


async def test_a_row_that_was_made_without_flags_gets_those_of_who_fetched_it(storer: Storer) -> None:
    for names in ((), ("\\Seen",)):
        mail, _ = await parsed(message().as_bytes(), flags=names)
        await storer.take(topics.MAIL_PARSED, [mail])
    assert storer.value("SELECT flags FROM email_places") == ["\\Seen"]


async def test_a_place_that_waits_for_its_message_gets_none_of_another_account(storer: Storer) -> None:
    mail, _ = await parsed(message().as_bytes())
    where = place(9, account="home")
    waits = PlaceRelinked(place=where, contentsha256=mail.contentsha256, internaldate=None, size=1, flags=())
    await storer.take(topics.MAIL_MAILBOX, [waits])
    await storer.take(topics.MAIL_PARSED, [mail])
    assert storer.value("SELECT email_id IS NULL FROM email_places WHERE account_id = 'home'")


async def test_the_same_bytes_in_two_accounts_are_two_mails(storer: Storer) -> None:
    raw = message().as_bytes()
    for account in ("work", "home"):
        mail, _ = await parsed(raw, account=account)
        await storer.take(topics.MAIL_PARSED, [mail])
    assert storer.rows(COUNTS) == [(2, 2, 0)]


async def test_only_a_newer_parser_version_replaces(storer: Storer) -> None:
    mail, _ = await parsed(with_file(message(), b"x", "a.pdf").as_bytes())

    def by(version: str, subject: str) -> Event:
        facts = replace(mail.email.mailweir, parser_version=version)
        return replace(mail, email=replace(mail.email, subject=subject, mailweir=facts))

    await storer.take(topics.MAIL_PARSED, [by("2.8.9", "newest of a batch"), by("2.8.10", "last"), by("2.8.1", "old")])
    assert storer.rows("SELECT subject, parser_version FROM emails") == [("last", "2.8.10")]
    for version, subject in (("2.9.0", "first"), ("2.10.0", "newer"), ("2.9.9", "older"), ("2.10.0", "same")):
        await storer.take(topics.MAIL_PARSED, [by(version, subject)])
    assert storer.rows("SELECT subject, parser_version FROM emails") == [("newer", "2.10.0")]
    assert storer.rows(COUNTS) == [(1, 1, 1)]


async def test_files_that_a_newer_parser_does_not_find_have_no_rows_any_more(storer: Storer) -> None:
    mail, _ = await parsed(with_file(message(), b"x", "a.pdf").as_bytes())
    await storer.take(topics.MAIL_PARSED, [mail])
    newer = replace(mail.email.mailweir, parser_version="99.0.0")
    email = replace(mail.email, attachments=(), has_attachment=False, mailweir=newer)
    await storer.take(topics.MAIL_PARSED, [replace(mail, email=email)])
    assert storer.rows(COUNTS) == [(1, 1, 0)]


async def test_refused_rows_are_found_by_halving_and_the_rest_is_stored(storer: Storer) -> None:
    mails = [(await parsed(message(f"number {number}").as_bytes(), number))[0] for number in range(1, 20)]
    mails[7] = replace(mails[7], place=place(2**63))
    mails[12] = replace(mails[12], email=replace(mails[12].email, subject="\ud800"))
    outcomes = await storer.take(topics.MAIL_PARSED, mails)
    assert all(isinstance(outcome, Rejected) for outcome in outcomes)
    rejected = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert [each.event for each in rejected] == [mails[7], mails[12]]
    assert {each.error for each in rejected} == {"refused.data"}
    assert storer.rows(COUNTS) == [(17, 17, 0)]


async def test_what_a_row_cannot_hold_is_said(storer: Storer) -> None:
    mail, _ = await parsed(message().as_bytes())
    headers = (EmailHeader(name="X", value="a\x00b\\u0000c"),)
    odd = replace(mail.email, subject="a\x00b", headers=headers, message_id=("合" * 3000,))
    odd = replace(odd, from_=(EmailAddress(name=None, email="é" * 9_000 + "@x"),))
    assert await storer.take(topics.MAIL_PARSED, [replace(mail, email=odd)]) == []
    ((subject, stored, defects, *octets),) = storer.rows(
        "SELECT subject, headers->0->>'value', defects, octet_length(message_id), octet_length(from_email) FROM emails"
    )
    assert (subject, stored, octets) == ("ab", "ab\\u0000c", [999, 1_000])
    assert {"store.nul-removed", "store.message-id-cut", "store.sender-cut"} <= set(defects)


async def test_places_that_are_one_without_their_nul_do_not_end_the_service(storer: Storer) -> None:
    mail, _ = await parsed(message("x").as_bytes())
    twice = [replace(mail, place=replace(mail.place, folderid=name)) for name in ("f", "f\x00")]
    assert list(await storer.take(topics.MAIL_PARSED, twice)) == []
    assert storer.value("SELECT count(*) FROM email_places") == 1


async def test_a_nul_in_the_name_of_an_attachment_is_said(storer: Storer) -> None:
    mail, _ = await parsed(message().as_bytes())
    file = EmailBodyPart(part_id="9", blob_id="0" * 64, size=1, name="a\x00b.pdf", type="application/pdf")
    named = replace(mail, email=replace(mail.email, attachments=(file,)))
    assert await storer.take(topics.MAIL_PARSED, [named]) == []
    assert storer.rows("SELECT name, defects FROM attachments, emails") == [("ab.pdf", ["store.nul-removed"])]


async def test_hostile_text_survives_copy(storer: Storer) -> None:
    texts = ["\\N", "\\.", "a\tb\nc\rd", "{\"x\",'y'}", "\\\\N\\t", '"}', "\u2028\x0b\x7f", "😀" * 70]
    for uid, each in enumerate(texts, 1):
        mail, _ = await parsed(message().as_bytes(), uid)
        sender = replace(mail.email.to[0], name=each) if mail.email.to else None
        odd = replace(mail.email, subject=each, in_reply_to=(each, ""), to=(sender,) if sender else None)
        assert await storer.take(topics.MAIL_PARSED, [replace(mail, email=odd, contentsha256=f"{uid:064x}")]) == []
    rows = storer.rows("SELECT subject, in_reply_to, addresses->'to'->0->>'name' FROM emails ORDER BY content_sha256")
    assert rows == [(each, [each, ""], each) for each in texts]


async def test_enormous_texts_are_stored_and_searchable_from_their_start(storer: Storer) -> None:
    wide = "".join(chr(0x4E00 + number % 20000) for number in range(300_000))
    mail, _ = await parsed(message("wide", wide).as_bytes())
    unbroken, _ = await parsed(message("long", "x" * 400_000).as_bytes(), 2)
    assert await storer.take(topics.MAIL_PARSED, [mail, unbroken]) == []
    assert storer.value("SELECT count(*) FROM emails WHERE length(body_text) > 290000") == 2


async def test_the_most_octets_of_words_that_characters_can_become_are_taken(storer: Storer) -> None:
    rare = "".join(chr(0x20000 + number * 7919 % 40_000) for number in range(80_000))
    notes = " ".join("".join(chr(0x1D15F + int(digit) % 6) for digit in f"{number:066}") for number in range(1_200))
    lines = ("\n".join(rare[start : start + width] for start in range(0, 80_000, width)) for width in (1, 2, 5))
    for uid, wide in enumerate((rare, notes, *lines), 1):
        mail, _ = await parsed(message("wide", wide).as_bytes(), uid)
        sent = replace(mail, email=replace(mail.email, subject=wide[::-1]))
        assert await storer.take(topics.MAIL_PARSED, [sent]) == []


async def test_a_word_in_which_a_line_of_the_text_was_wrapped_is_found(storer: Storer) -> None:
    mail, _ = await parsed(message("お知らせ", "来週の会議の議\n事録をお送りします。").as_bytes())
    await storer.take(topics.MAIL_PARSED, [mail])
    assert len(lookup.search(storer.engine, lookup.Choice(query=query_of("議事録")))) == 1


async def test_the_text_of_a_message_to_thousands_is_found(storer: Storer) -> None:
    many = ", ".join(f"Somebody Else {number} <somebody.else.{number}@example.org>" for number in range(4_000))
    mail, _ = await parsed(with_file(message("to all", "the canteen is closed", Cc=many), b"x", "menu.pdf").as_bytes())
    await storer.take(topics.MAIL_PARSED, [mail])
    for words in ("canteen", "menu.pdf", "bob@example.com", "somebody.else.7"):
        assert len(lookup.search(storer.engine, lookup.Choice(query=query_of(words)))) == 1


async def test_a_relinked_place_finds_content_that_comes_later(storer: Storer) -> None:
    mail, _ = await parsed(message().as_bytes(), 1)
    relinked = PlaceRelinked(
        place=place(9, uidvalidity=5), contentsha256=mail.contentsha256, internaldate=None, size=1, flags=("\\Seen",)
    )
    await storer.take(topics.MAIL_MAILBOX, [relinked])
    assert storer.rows("SELECT uid, email_id FROM email_places") == [(9, None)]
    await storer.take(topics.MAIL_PARSED, [mail])
    assert storer.rows("SELECT uid, email_id IS NOT NULL FROM email_places ORDER BY uid") == [(1, True), (9, True)]


async def test_pglz_never_compresses_a_long_body(storer: Storer) -> None:
    """It takes most of the time of an insert; a server has lz4, or rows lie as they are."""
    mail, _ = await parsed(message(text="the same words again\n" * 5_000).as_bytes())
    assert await storer.take(topics.MAIL_PARSED, [mail]) == []
    has_lz4 = storer.value("SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
    found = storer.rows("SELECT pg_column_compression(body_text), length(body_text) FROM emails")
    assert found == [("lz4" if has_lz4 else None, 105_000)]


@pytest.mark.parametrize("version", ["newest", "1.x", "", "1..2", f"1.{10**12}", "1.0.0-rc1", "\u0661"])
async def test_a_version_that_cannot_be_compared_does_not_keep_later_parsers_out(storer: Storer, version: str) -> None:
    mail, _ = await parsed(message().as_bytes())
    facts = replace(mail.email.mailweir, parser_version=version)
    (outcome,) = await storer.take(topics.MAIL_PARSED, [replace(mail, email=replace(mail.email, mailweir=facts))])
    assert isinstance(outcome, Rejected)
    assert await storer.take(topics.MAIL_PARSED, [mail]) == []
    assert storer.rows(COUNTS) == [(1, 1, 0)]


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -1200", "Fri, 31 Dec 9999 23:59:59 +0000"])
async def test_the_last_day_of_the_calendar_can_be_read_again(storer: Storer, date: str) -> None:
    raw = message("late").as_bytes().replace(b"Fri, 20 Nov 2026 10:00:00 +0100", date.encode())
    mail, _ = await parsed(raw)
    assert mail.email.sent_at
    assert await storer.take(topics.MAIL_PARSED, [mail]) == []
    assert storer.value("SELECT subject FROM emails WHERE sent_at IS NULL OR sent_at > '9999-12-30Z'") == "late"
    assert lookup.one(storer.engine, mail.contentsha256).subject == "late"


def test_moments_are_read_in_utc_wherever_the_server_stands(storer: Storer) -> None:
    assert storer.value("SHOW timezone") == "UTC"
