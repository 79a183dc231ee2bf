import pytest

from services.poller.imap.classify import going_away, refusal, sign_in_refusal, throttle
from services.poller.imap.errors import (
    AmbiguousRefusal,
    CommandRejected,
    CredentialRefused,
    ExpungeIssued,
    FetchRefused,
    FolderGone,
    IdentificationWanted,
    NotNow,
    PermissionRefused,
    QuotaExceeded,
    Refused,
    ServerBye,
    SignInBarred,
    StoreDamaged,
    Temporary,
    Throttled,
    TokenRefused,
    TooManyConnections,
    about,
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
        ("NO Suggested Backoff Time: 12000", Throttled, 12.0),
        ("NO Suggested Backoff Time: 12 Seconds", Throttled, 12.0),
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
    assert (found.code, found.detail) == (said(line).code, said(line).text)


@pytest.mark.parametrize(
    "line",
    ["NO Suggested Backoff Time: 5 seconds", "NO Rate limit hit", "NO [OVERQUOTA] later", "NO [CANNOT] no", "BAD"],
)
def test_only_a_refusal_after_the_sign_in_leaves_the_session_usable(line):
    assert refusal(said(line), "STATUS").usable
    assert not sign_in_refusal(said(line)).usable
    assert not going_away(said(line)).usable


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


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("NO [NONEXISTENT] which one?", FolderGone),
        ("NO Mailbox does not exist", FolderGone),
        ("NO [SERVERBUG] Mailbox does not exist", NotNow),
        ("NO [INUSE] locked", NotNow),
        ("NO [NOPERM] no", PermissionRefused),
        ("NO [CANNOT] no", PermissionRefused),
        ("NO Permission denied", PermissionRefused),
        ("NO [SOMETHING] Permission denied", Refused),
        ("NO [CORRUPTION] index", StoreDamaged),
        ("NO Unsafe Login. Please contact us", IdentificationWanted),
        ("BAD Mailbox does not exist", CommandRejected),
    ],
)
def test_a_folder_that_is_refused(line, kind):
    error = refusal(said(line), "EXAMINE")
    assert type(error) is kind
    assert (error.code, error.detail) == (said(line).code, said(line).text)


@pytest.mark.parametrize(
    ("line", "kind", "advice"),
    [
        ("NO [AUTHENTICATIONFAILED] no", CredentialRefused, "credential"),
        ("NO [UNAVAILABLE] no", Temporary, "temporary"),
        ("NO Please use the 授权码", CredentialRefused, "credential"),
        ("NO 授权码错误或登录频繁", AmbiguousRefusal, "ambiguous"),
        ("NO Application-specific password required", CredentialRefused, "credential"),
        ("NO IMAP access is disabled", SignInBarred, "switched_off"),
        ("NO IMAP service is disabled or the password is incorrect", AmbiguousRefusal, "ambiguous"),
        ("NO [WEBALERT https://example.org/x] go there", SignInBarred, "web"),
        ("NO Please log in via your web browser", SignInBarred, "web"),
        ("NO LOGIN is disabled", SignInBarred, "configuration"),
        ("NO System is busy", Temporary, "temporary"),
        ("NO System is busy, or the password is wrong", AmbiguousRefusal, "ambiguous"),
    ],
)
def test_a_sign_in_that_is_refused(line, kind, advice):
    error = sign_in_refusal(said(line))
    assert type(error) is kind
    assert about(error) == advice
    assert (error.code, error.detail) == (said(line).code, said(line).text)


def test_a_challenge_of_an_expired_token_and_of_too_many_requests():
    refused = said("NO [AUTHENTICATIONFAILED] no")
    assert sign_in_refusal(refused, token=True, challenge="400").detail == "no"
    limited = sign_in_refusal(refused, token=True, challenge="429")
    assert (type(limited), limited.wait, limited.detail) == (Throttled, 60.0, "no")
    assert type(sign_in_refusal(said("NO IMAP access is disabled"), token=True, challenge="503")) is Temporary


def test_token_without_a_reason_and_with_a_challenge():
    assert type(sign_in_refusal(said("NO AUTHENTICATE failed."), token=True)) is AmbiguousRefusal
    assert type(sign_in_refusal(said("NO failed"), token=True, challenge="")) is TokenRefused
    assert type(sign_in_refusal(said("NO failed"), token=True, challenge="503")) is Temporary


def test_codes_and_texts_are_kept_clean():
    error = refusal(said("NO [SOMETHING odd] bad \x1b[31m\r text \u202e"), "STATUS")
    assert type(error) is Refused
    assert (error.code, error.detail) == ("SOMETHING", "bad [31m text")
    assert str(error) == "the server refused STATUS: bad [31m text"
