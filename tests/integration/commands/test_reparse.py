"""reparse, compared and written: on real embedded stores."""

from collections.abc import Callable

import pytest

from services.common.errors import ConfigurationError
from services.parser import handlers
from services.parser.mime import Parsed
from services.parser.mime.version import VERSION
from tests.commands_page import properties
from tests.fakes.mail_events import message, with_file
from tests.integration.commands.conftest import Home

OLDER = "UPDATE emails SET parser_version = '0.0.1' WHERE message_id = 'c@x'"


async def test_compare_says_what_a_reparse_would_change_and_writes_nothing(stored: Home) -> None:
    assert stored.run("reparse", "--compare").stdout == "4 messages compared, 0 would change\n"
    stored.change(f"UPDATE emails SET subject = 'other' WHERE subject LIKE 'Invoice%'; {OLDER}")
    told = {each["field"]: each for each in stored.lines("reparse", "--compare", "--json")}
    assert set(told) == {"subject", "parser_version"}
    assert (told["subject"]["stored"], told["subject"]["parsed"]) == ("other", "Invoice 7")
    assert set(told["subject"]) == properties("`reparse", "a line")
    assert stored.value("SELECT count(*) FROM emails WHERE subject = 'other'") == 1


@pytest.mark.parametrize("version", [VERSION, "999.0"])
async def test_compare_tells_rows_that_stay_from_those_that_a_reparse_replaces(stored: Home, version: str) -> None:
    stored.change(f"UPDATE emails SET subject = 'other', parser_version = '{version}'; {OLDER}")
    before = stored.lines("reparse", "--compare", "--json")
    assert {each["contentsha256"]: each["replaced"] for each in before if each["field"] == "subject"} == {
        sha256: message_id == "c@x" for sha256, message_id in identities(stored).items()
    }
    said = stored.run("reparse", "--compare")
    assert (said.exit_code, "4 messages compared, 1 would change" in said.stdout) == (0, True)
    assert "3 differ and stay, as this parser version or a newer one wrote their rows" in said.stdout
    assert stored.run("reparse").exit_code == 0
    assert stored.lines("reparse", "--compare", "--json") == [each for each in before if not each["replaced"]]


def identities(stored: Home) -> dict[str, str]:
    found: dict[str, str] = stored.value("SELECT jsonb_object_agg(content_sha256, message_id) FROM emails")
    return found


def broken_at_invoices(parse: Callable[..., Parsed]) -> Callable[..., Parsed]:
    def broken(raw: bytes, **settings: object) -> Parsed:
        if b"Invoice" in raw:
            raise IndexError
        return parse(raw, **settings)

    return broken


async def test_compare_tells_what_the_present_parser_cannot_parse(
    stored: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "parse_message", broken_at_invoices(handlers.parse_message))
    said = stored.run("reparse", "--compare")
    assert (said.exit_code, "4 messages compared, 0 would change" in said.stdout) == (3, True)
    assert "1 cannot be parsed: they would be dead letters" in said.stdout
    (told,) = stored.lines("reparse", "--compare", "--json")
    assert (told["field"], told["parsed"]) == ("dead letter", "bug.IndexError: the handler raised on this record")
    assert stored.value("SELECT count(*) FROM dead_letters") == 0


async def test_nothing_is_sent_where_a_comparison_was_meant(stored: Home) -> None:
    with pytest.raises(ConfigurationError, match="say --compare"):
        stored.run("reparse", "--json")


async def test_what_a_row_cannot_hold_is_no_difference(home: Home) -> None:
    spelled = message("six \\u0000 characters", "body \\u0000 x", X_Six="\\u0000 and \\\\u0000", Message_ID="<n@x>")
    nul = with_file(message("nul", In_Reply_To="<a@x>"), b"x", "name.pdf").as_bytes()
    for text, held in ((b": nul", b": nul\0 \\u0000"), (b"<a@x>", b"<a\0b@x>"), (b"name.pdf", b"na\0me.pdf")):
        nul = nul.replace(text, held)
    await home.take(spelled.as_bytes(), nul)
    assert "2 messages compared, 0 would change" in home.run("reparse", "--compare").stdout


async def test_reparse_replaces_only_what_an_older_parser_wrote(stored: Home) -> None:
    stored.change("UPDATE emails SET subject = 'other'")
    stored.change("UPDATE emails SET parser_version = '0.0.1' WHERE 'c@x' = message_id")
    assert stored.run("reparse").exit_code == 0
    assert stored.value("SELECT count(*) FROM emails WHERE subject = 'other'") == 3
    assert stored.value("SELECT count(*) FROM attachments") == 2


FILES = "SELECT jsonb_agg(to_jsonb(a) - 'id' ORDER BY email_id, part_path) FROM attachments a"
MAILS = "SELECT jsonb_agg(to_jsonb(e) ORDER BY id) FROM emails e"
ALIKE = {"body_html"}  # no message of these has one
OF_THE_ROW = {"account_id", "content_sha256", "id", "parser_version", "stored_at"}
OTHER = {"YES": "NULL", "text": "''", "ARRAY": "'{x}'", "jsonb": "'{}'", "boolean": "NOT has_attachment"}
OTHER |= {"bigint": "7", "tsvector": "''"}
COLUMNS = """SELECT jsonb_object_agg(column_name, CASE is_nullable WHEN 'YES' THEN 'YES' ELSE data_type END)
FROM information_schema.columns WHERE table_name = 'emails' AND table_schema = 'public'"""


async def test_anew_brings_every_value_back_that_somebody_changed(stored: Home) -> None:
    before = [stored.value(query) for query in (MAILS, FILES)]
    for name, kind in stored.value(COLUMNS).items():
        if name not in OF_THE_ROW:
            stored.change(f"UPDATE emails SET {name} = {OTHER[kind]}")
            assert stored.value(MAILS) != before[0] or name in ALIKE, name
            done = stored.run("reparse", "--anew")
            assert (done.exit_code, done.stdout.startswith("0 ")) == (0, name in ALIKE), name
            assert stored.value(MAILS) == before[0], name
    stored.change("UPDATE attachments SET name = NULL, safe_name = ''")
    assert stored.run("reparse", "--anew").stdout.startswith("2 rows")
    assert stored.value(FILES) == before[1]


async def test_anew_sends_only_what_its_row_needs(stored: Home) -> None:
    stored.change(f"UPDATE emails SET subject = 'other' WHERE message_id = 'a@x'; {OLDER}")
    done = stored.run("reparse", "--anew")
    assert (done.exit_code, done.stdout) == (
        0,
        "1 rows of this parser version differ from their messages\n2 messages sent through the parser\n",
    )
    assert stored.value("SELECT count(*) FROM emails WHERE subject = 'other' OR parser_version = '0.0.1'") == 0
    assert stored.run("reparse", "--anew").stdout.endswith("0 messages sent through the parser\n")


async def test_anew_counts_a_message_without_its_object_once(stored: Home) -> None:
    stored.context.store.delete([stored.value("SELECT key FROM objects WHERE kind = 'message' LIMIT 1")])
    done = stored.run("reparse", "--anew")
    assert (done.exit_code, done.stderr.startswith("1 messages have no raw object")) == (3, True)


async def test_anew_makes_a_dead_letter_of_what_cannot_be_parsed(stored: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "parse_message", broken_at_invoices(handlers.parse_message))
    assert stored.run("reparse", "--anew").stdout.endswith("1 messages sent through the parser\n")
    assert stored.value("SELECT count(*) FROM dead_letters") == 1


async def test_anew_leaves_rows_of_a_newer_parser_alone(stored: Home) -> None:
    stored.change("UPDATE emails SET subject = 'newer', parser_version = '999.0'")
    assert stored.run("reparse", "--anew").stdout.startswith("0 rows")
    assert stored.value("SELECT count(*) FROM emails WHERE subject = 'newer'") == 4
    with pytest.raises(ConfigurationError, match="leave out"):
        stored.run("reparse", "--compare", "--anew")
