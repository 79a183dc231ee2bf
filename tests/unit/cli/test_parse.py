import gzip
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.cli import mail_files
from services.cli.parse import parse, printable

MAIL = b"From: Ann <ann@example.org>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@x>\r\n\r\nHello\r\n"
SEPARATOR = b"From ann@example.org Mon Nov  2 09:30:00 2026\n"


def run(*arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(parse, [str(argument) for argument in arguments], input=stdin)


def subjects(result: Result) -> list[str]:
    return [json.loads(line)["subject"] for line in result.stdout_bytes.splitlines()]


def test_a_file_becomes_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(MAIL)
    result = run(tmp_path / "a.eml")
    event = json.loads(result.stdout)
    assert (result.exit_code, event["subject"], event["mailweir"]["place"]) == (0, "Grüße", None)
    assert event["size"] == len(MAIL)


def test_folders_are_walked_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name, subject in (("b.eml", b"two"), ("a.eml", b"one"), ("sub/c", b"three")):
        (tmp_path / name).write_bytes(b"Subject: " + subject + b"\n\nx")
    assert subjects(run(tmp_path)) == ["one", "two", "three"]


def test_an_mbox_is_split_and_a_single_message_behind_a_separator_is_not(tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(SEPARATOR + b"Subject: 1\n\nx\n\n" + SEPARATOR + b"Subject: 2\n\ny\n")
    (tmp_path / "single").write_bytes(SEPARATOR + b"Subject: 3\n\nz\n")
    assert subjects(run(tmp_path / "box")) == ["1", "2"]
    event = json.loads(run(tmp_path / "single").stdout)
    assert (event["subject"], event["size"]) == ("3", (tmp_path / "single").stat().st_size)


def test_standard_input_may_be_a_message_or_an_mbox() -> None:
    assert subjects(run("-", stdin=MAIL)) == ["Grüße"]
    assert subjects(run("-", stdin=SEPARATOR + b"Subject: 1\n\nx\n\n" + SEPARATOR + b"Subject: 2\n\ny\n")) == ["1", "2"]


def test_empty_lines_in_front_of_an_mbox_are_passed_over() -> None:
    box = SEPARATOR + b"Subject: 1\n\nx\n\n" + SEPARATOR + b"Subject: 2\n\ny\n"
    assert subjects(run("-", stdin=b"\n\r\n" + box)) == ["1", "2"]
    assert json.loads(run("-", stdin=b"\n\n" + MAIL).stdout)["size"] == len(MAIL) + 2


def test_an_unreadable_file_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(MAIL)
    result = run(tmp_path / "gone.eml", tmp_path / "a.eml")
    assert (result.exit_code, subjects(result)) == (3, ["Grüße"])
    assert result.stderr.splitlines() == [f"mailweir parse: {tmp_path / 'gone.eml'}: No such file or directory"]


def test_a_folder_with_odd_things_is_walked_once_and_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(MAIL)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "gone.eml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    result = run(tmp_path)
    assert (result.exit_code, subjects(result)) == (3, ["Grüße"])
    assert result.stderr.splitlines() == [f"mailweir parse: {tmp_path / 'gone.eml'}: No such file or directory"]


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.eml").write_bytes(MAIL)
    listed = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert mail_files.expanded([str(tmp_path)]) == [str(tmp_path / "a.eml"), str(tmp_path / "closed")]


def test_gzip_is_unpacked_and_a_damaged_one_told(tmp_path: Path) -> None:
    box = SEPARATOR + b"Subject: 1\n\nx\n\n" + SEPARATOR + b"Subject: 2\n\ny\n"
    (tmp_path / "a.eml.gz").write_bytes(gzip.compress(MAIL))
    (tmp_path / "b.mbox.gz").write_bytes(gzip.compress(box))
    (tmp_path / "c.gz").write_bytes(gzip.compress(MAIL)[:-20])
    result = run(tmp_path)
    assert (result.exit_code, subjects(result)) == (3, ["Grüße", "1", "2"])
    assert str(tmp_path / "c.gz") in result.stderr


def test_the_name_of_a_file_that_is_told_moves_no_cursor(tmp_path: Path) -> None:
    odd = tmp_path / "a\x1b]0;title\x07\u202e\n.gz"
    odd.write_bytes(b"\x1f\x8b\x08 cut")
    told = run(odd).stderr
    assert "mailweir parse: " in told
    assert not set("\x1b\x07\u202e") & set(told)
    assert told.count("\n") == 1


def test_a_gzip_file_is_not_unpacked_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_files, "_UNPACKED", 1_000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(100_000)))
    result = run(tmp_path / "a.gz")
    assert (result.exit_code, result.stdout) == (3, "")


@pytest.mark.parametrize("content", [b"", b"\0\xff\xfe", b"no mail at all", b"%PDF-1.4\n" * 1000])
def test_what_is_no_mail_is_parsed_all_the_same(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    result = run(tmp_path / "x")
    assert (result.exit_code, json.loads(result.stdout)["size"]) == (0, len(content))


def test_jobs_keep_the_order(tmp_path: Path) -> None:
    for number in range(80):
        (tmp_path / f"{number:03}.eml").write_bytes(b"Subject: %d\n\nx" % number)
    assert subjects(run(tmp_path, "--jobs", 2)) == [str(number) for number in range(80)]


def test_a_big_file_is_streamed_to_the_same_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.eml").write_bytes(MAIL)
    whole = run(tmp_path / "a.eml").stdout
    monkeypatch.setattr(mail_files, "_STREAMED", 10)
    assert run(tmp_path / "a.eml").stdout == whole


def test_usage_errors_have_their_code() -> None:
    assert run().exit_code == 2
    assert run("x", "--jobs", 0).exit_code == 2


def test_a_terminal_is_sent_no_control_characters() -> None:
    assert printable("a\x1b[2Jb\u202ec") == "a\ufffd[2Jb\ufffdc"
