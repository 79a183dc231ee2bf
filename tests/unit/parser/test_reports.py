from hypothesis import given, settings
from hypothesis import strategies as st

from services.parser.mime.reports import delivery, feedback, returned_headers

STATUS = b"""Reporting-MTA: dns; mx.example.org
X-Original-Message-ID: <kept@example.org>

Original-Recipient: rfc822;Ann@example.com
Final-Recipient: rfc822; ann@example.com
Action: Failed (no mailbox)
Status: 5.1.1 (bad mailbox)
Diagnostic-Code: smtp; 550 5.1.1
 <ann@example.com>: unknown

no field at all
Final-Recipient: x-local; bob
Action: delayed
"""


def test_a_report_by_message_and_by_recipient() -> None:
    report = delivery(STATUS.replace(b"\n", b"\r\n"), "2")
    assert (report.part, report.reporting_mta, report.original_message_id) == (
        "2",
        "mx.example.org",
        "kept@example.org",
    )
    ann, bob = report.recipients
    assert (ann.original_recipient, ann.final_recipient) == ("Ann@example.com", "ann@example.com")
    assert (ann.action, ann.status, ann.diagnostic) == ("failed", "5.1.1", "550 5.1.1 <ann@example.com>: unknown")
    assert (bob.final_recipient, bob.action, bob.status) == ("bob", "delayed", None)


def test_angle_brackets_are_no_part_of_a_recipient() -> None:
    report = delivery(b"Final-Recipient: rfc822; <a@b.c>\nOriginal-Recipient: rfc822;<>\nAction: failed\n", "1")
    assert (report.recipients[0].final_recipient, report.recipients[0].original_recipient) == ("a@b.c", None)


def test_one_group_speaks_for_message_and_recipient() -> None:
    report = delivery(b"Reporting-MTA: dns;a\nFinal-Recipient: rfc822;x@y.z\nAction: failed\n", "1")
    assert (report.reporting_mta, report.recipients[0].final_recipient) == ("a", "x@y.z")


def test_the_returned_headers_name_the_original_message() -> None:
    returned = returned_headers(
        b"\r\nReceived: x\r\nMessage-ID:\r\n <orig@example.org> (c)\r\nSubject: a\r\n b\r\n\r\nSubject: no"
    )
    assert (returned.message_id, returned.subject) == ("orig@example.org", "a b")
    assert delivery(STATUS, "2", returned).original_message_id == "orig@example.org"
    assert returned_headers(b"Message-ID: bare@id\n").message_id == "bare@id"


def test_a_feedback_report_keeps_all_fields() -> None:
    report = feedback(b"Feedback-Type: abuse\nUser-Agent: Loop/1.0\nSource-IP: 192.0.2.1\nSource-IP: 192.0.2.2\n", "2")
    assert (report.feedback_type, report.user_agent) == ("abuse", "Loop/1.0")
    assert [field.value for field in report.fields if field.name == "Source-IP"] == ["192.0.2.1", "192.0.2.2"]


def test_bounds() -> None:
    many = b"\n\n".join(b"Final-Recipient: rfc822;%d@x" % number for number in range(3_000))
    assert len(delivery(many, "1").recipients) == 1_000
    assert len(feedback(b"A: b\n" * 1_000, "1").fields) == 200
    assert len(delivery(b"Reporting-MTA: dns;" + b"x" * 9_000, "1").reporting_mta or "") == 1_000


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_are_survived(data: bytes) -> None:
    report = delivery(data, "1", returned_headers(data))
    assert "\0" not in f"{report}{feedback(data, '1')}"
