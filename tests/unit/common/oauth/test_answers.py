import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.oauth.answers import Answer, Granted, Refused, is_safe, margin, read, retry_after, skew

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def answer(status: int = 200, body: object = None, **headers: str) -> Answer:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, octets)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (answer(400, {"error": "invalid_grant"}), "consent"),
        (answer(400, {"error": "interaction_required"}), "consent"),
        (answer(401, {"error": "invalid_client"}), "operator"),
        (answer(400, {"error": "invalid_scope"}), "operator"),
        (answer(400, {"error": "unauthorized_client"}), "operator"),
        (answer(200, {"error": "invalid_grant"}), "consent"),
        (answer(400, {"error": "temporarily_unavailable"}), "temporary"),
        (answer(400, {"error": "something_new"}), "temporary"),
        (answer(500, {"error": "invalid_grant"}), "temporary"),
        (answer(429, b"slow"), "throttled"),
        (answer(302, b""), "operator"),
        (answer(404, b"<html>"), "unreadable"),
        (answer(200, b"<html>"), "unreadable"),
        (answer(200, {"access_token": ""}), "unreadable"),
        (answer(200, {"access_token": 7}), "unreadable"),
        (answer(200, {"access_token": "a\n"}), "unreadable"),
        (answer(400, {"error": "authorization_pending"}), "pending"),
    ],
)
def test_every_refusal_has_its_kind(found: Answer, kind: str) -> None:
    result = read(found)
    assert isinstance(result, Refused)
    assert result.kind == kind


@pytest.mark.parametrize(
    ("given_", "life"),
    [
        (3600, 3600),
        ("3600", 3600),
        (None, 3600),
        ("soon", 3600),
        (-5, 3600),
        (0, 0),
        (1e300, 315360000),
        (10**400, 3600),
    ],
)
def test_the_life_of_a_token_is_read_with_care(given_: object, life: float) -> None:
    result = read(answer(200, {"access_token": "a", "token_type": "BEARER", "expires_in": given_}))
    assert isinstance(result, Granted)
    assert result.life == life


def test_a_refresh_token_with_control_characters_is_left_out() -> None:
    result = read(answer(200, {"access_token": "a", "refresh_token": "r\r\nX"}))
    assert isinstance(result, Granted)
    assert result.refresh_token is None


def test_an_address_of_a_grant_can_be_shown() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"email": "\x1b[2Ja\ud800@b.org\u202e"}).encode()).decode()
    result = read(answer(200, {"access_token": "a", "id_token": f"head.{claims}.signature"}))
    assert isinstance(result, Granted)
    assert result.address == "?[2Ja?@b.org?"


HEADERS = st.dictionaries(st.sampled_from(["date", "retry-after"]), st.text())
FIELDS = st.sampled_from(["access_token", "token_type", "expires_in", "error", "refresh_token", "id_token", "x"])
LEAVES = st.none() | st.booleans() | st.floats() | st.text() | st.just(10**400)


@given(st.integers(100, 599), st.binary(max_size=200), HEADERS)
def test_any_answer_is_read(status: int, body: bytes, headers: dict[str, str]) -> None:
    assert isinstance(read(Answer(status, headers, body)), Granted | Refused)
    assert skew(headers, NOW) is not None


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(FIELDS, inner)))
def test_any_json_is_read(value: object) -> None:
    assert isinstance(read(answer(200, value)), Granted | Refused)


def test_waiting_is_read_in_seconds_or_relative_to_the_servers_own_clock() -> None:
    date = format_datetime(NOW, usegmt=True)
    later = format_datetime(NOW + timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after": "7"}) == 7
    assert retry_after({"retry-after": later, "date": date}) == 90
    assert retry_after({"retry-after": date, "date": later}) == 0
    assert retry_after({"retry-after": "999999999"}) == 86400
    for text in ("", "-1", "soon", later):
        assert retry_after({"retry-after": text}) is None


def test_a_clock_is_compared_with_the_servers() -> None:
    assert skew({"date": format_datetime(NOW - timedelta(hours=1), usegmt=True)}, NOW) == 3600
    assert skew({}, NOW) == 0


def test_a_senseless_date_leaves_a_skew_that_can_be_stored() -> None:
    for date in ("Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0100 00:00:00 GMT"):
        assert abs(skew({"date": date}, NOW)) < 2**31


@pytest.mark.parametrize(("life", "early"), [(3600, 360), (86400, 8640), (1000, 300), (400, 200), (0, 0)])
def test_the_margin_is_five_minutes_or_a_tenth_and_at_most_half(life: float, early: float) -> None:
    assert margin(life) == early


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://x.org/t", True), ("http://127.0.0.1:9/t", True), ("http://localhost/t", True),
        ("http://[::1]/t", True), ("ftp://localhost/t", False),
        ("http://x.org/t", False), ("http://127.0.0.1.evil.org/t", False), ("https://", False),
        ("file:///etc/passwd", False), ("https://[::1", False), ("https://x.org:99999/", False),
        ("https://x.org:a/", False), ("https://ex\u2100.org/", False), ("https://x.org/\x7f", False),
        ("https://例子.org/t", True),
    ],
)  # fmt: skip
def test_tokens_travel_by_https_or_stay_on_this_machine(url: str, good: bool) -> None:
    assert is_safe(url) == good
