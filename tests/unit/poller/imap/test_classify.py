import pytest

from services.poller.imap.classify import going_away, refusal, sign_in_refusal, throttle
from services.poller.imap.errors import (
    AmbiguousRefusal,
    ExpungeIssued,
    FetchRefused,
    QuotaExceeded,
    Refused,
    ServerBye,
    StoreDamaged,
    Temporary,
    Throttled,
    TokenRefused,
    TooManyConnections,
)
from services.poller.imap.responses import Status, status


def said(line: str) -> Status:
    found = status(line.encode())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("line", "kind", "wait"),
    [
        ("NO Request is throttled. Suggested Backoff Time: 12000 milliseconds", Throttled, 12.0),
        ("BAD Request is throttled. Suggested Backoff Time: 999999999 milliseconds", Throttled, 300.0),
        ("NO [OVERQUOTA] Account exceeded command or bandwidth limits.", QuotaExceeded, 3600.0),
        ("NO [OVERQUOTA] not now", Throttled, 60.0),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", TooManyConnections, 600.0),
        ("NO User is authenticated but not connected.", TooManyConnections, 300.0),
        ("NO [LIMIT] Rate limit hit.", Throttled, 60.0),
    ],
)
def test_throttling_says_how_long(line, kind, wait):
    found = throttle(said(line))
    assert type(found) is kind
    assert found.wait == wait


@pytest.mark.parametrize("line", ["NO [AUTHENTICATIONFAILED] wrong", "NO quota of folders reached", "NO", "BAD syntax"])
def test_other_refusals_are_no_throttling(line):
    assert throttle(said(line)) is None


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("BYE session expired", ServerBye),
        ("BYE [UNAVAILABLE] later", Temporary),
        ("BYE Too many connections", TooManyConnections),
        ("BYE too many open connections from your ip or network", TooManyConnections),
    ],
)
def test_bye(line, kind):
    error = going_away(said(line))
    assert type(error) is kind
    assert not error.usable


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("NO [EXPUNGEISSUED] gone", ExpungeIssued),
        ("NO Some of the requested messages no longer exist", ExpungeIssued),
        ("NO [CORRUPTION] index", StoreDamaged),
        ("NO [UNAVAILABLE] UID FETCH Server error while fetching messages", FetchRefused),
    ],
)
def test_fetch(line, kind):
    assert type(refusal(said(line), "UID FETCH")) is kind


def test_token_without_a_reason_and_with_a_challenge():
    assert type(sign_in_refusal(said("NO AUTHENTICATE failed."), token=True)) is AmbiguousRefusal
    assert type(sign_in_refusal(said("NO failed"), token=True, challenge="")) is TokenRefused
    assert type(sign_in_refusal(said("NO failed"), token=True, challenge="503")) is Temporary


def test_codes_and_texts_are_kept_clean():
    error = refusal(said("NO [SOMETHING odd] bad \x1b[31m\r text \u202e"), "STATUS")
    assert type(error) is Refused
    assert (error.code, error.detail) == ("SOMETHING", "bad [31m text")
    assert str(error) == "the server refused STATUS: bad [31m text"
