import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.accounts.settings import (
    FIELDS,
    MIB,
    AccountSettings,
    SettingErrors,
    default,
    expected,
    parse_mapping,
    parse_pairs,
    parse_stored,
    settings_of,
)


def test_defaults_are_those_of_the_design() -> None:
    settings = AccountSettings()
    assert (settings.poll_interval, settings.idle_refresh, settings.full_pass_interval) == (60, 540, 86400)
    assert (settings.batch_messages, settings.batch_bytes, settings.max_message_bytes) == (100, 8 * MIB, 100 * MIB)
    assert (settings.connect_timeout, settings.command_timeout, settings.min_rate) == (15, 60, 256)
    assert (settings.backoff_base, settings.backoff_max, settings.login_min_interval) == (5, 900, 10)
    assert (settings.max_signin_failures, settings.quarantine_after, settings.attempts) == (3, 3, 5)
    assert (settings.vanish_confirm, settings.list_interval, settings.legacy_tls) == (600, 300, False)
    assert settings.max_connections is settings.daily_bytes is settings.retention_days is None


@pytest.mark.parametrize(
    ("pair", "key", "value"),
    [
        ("poll_interval=2", "poll_interval", 2.0),
        ("backoff_base=0.05", "backoff_base", 0.05),
        ("login_min_interval=0", "login_min_interval", 0.0),
        ("full_pass_interval=1d", "full_pass_interval", 86400.0),
        ("batch_bytes=8 MiB", "batch_bytes", 8 * MIB),
        ("batch_bytes=1.5K", "batch_bytes", 1536),
        ("daily_bytes=1g", "daily_bytes", 1024 * MIB),
        ("legacy_tls=true", "legacy_tls", True),
        ("include=[Gmail]/*", "include", ("[Gmail]/*",)),
        ("include=a,b", "include", ("a,b",)),
        (r"exclude=\Junk", "exclude", (r"\Junk",)),
        ("daily_bytes=", "daily_bytes", None),
        ("oauth_scope=a b", "oauth_scope", "a b"),
        ("oauth_token_url=http://127.0.0.1:1/token", "oauth_token_url", "http://127.0.0.1:1/token"),
    ],
)
def test_reads_a_pair(pair: str, key: str, value: object) -> None:
    assert parse_pairs([pair]) == {key: value}


def test_a_list_setting_repeats_and_an_empty_value_empties_it() -> None:
    assert parse_pairs(["include=a", "include=b"]) == {"include": ("a", "b")}
    assert parse_pairs(["include=a", "include="]) == {"include": ()}


@pytest.mark.parametrize(
    "pair",
    [
        "poll_interval=x", "poll_interval=nan", "poll_interval=inf", "poll_interval=-1", "poll_interval=0",
        "batch_messages=1.5", "batch_messages=0", "batch_bytes=3Q", "legacy_tls=ja", "retention_days=0",
        "oauth_token_url=ftp://x", "include=a\rb", "code_expires=soon", "oauth_scope=a\nb",
        "code_expires=2026-02-30", "code_expires=２０２６-０１-０１", "oauth_client_id=\udcff",
    ],
)  # fmt: skip
def test_refuses_a_bad_value_with_one_line_that_names_the_form(pair: str) -> None:
    key = pair.partition("=")[0]
    with pytest.raises(SettingErrors) as caught:
        parse_pairs([pair])
    assert len(caught.value.lines) == 1
    assert caught.value.lines[0].startswith(f"{key}: ")
    assert expected(key) in caught.value.lines[0]
    assert caught.value.exit_code == 2


def test_a_stored_day_that_is_none_counts_as_not_given() -> None:
    assert parse_stored({"code_expires": "2026-02-30", "attempts": 3}) == {"attempts": 3}
    assert parse_stored({"code_expires": "2026-02-28"}) == {"code_expires": "2026-02-28"}


def test_tells_every_bad_field_at_once() -> None:
    with pytest.raises(SettingErrors) as caught:
        parse_pairs(["poll_interval=x", "nosuch=1", "alone", "attempts=5"])
    assert [line.partition(":")[0] for line in sorted(caught.value.lines)] == ["alone", "nosuch", "poll_interval"]


def test_a_table_has_the_same_rules() -> None:
    assert parse_mapping({"poll_interval": 30, "include": ["INBOX"], "legacy_tls": False}) == {
        "poll_interval": 30.0,
        "include": ("INBOX",),
        "legacy_tls": False,
    }
    with pytest.raises(SettingErrors):
        parse_mapping({"poll_interval": True})
    with pytest.raises(SettingErrors):
        parse_mapping({"include": [1]})


def test_the_owner_counts_before_the_profile_before_the_default() -> None:
    settings = settings_of({"attempts": 9, "max_connections": None}, {"max_connections": 1, "attempts": 2})
    assert (settings.attempts, settings.max_connections, settings.poll_interval) == (9, 1, 60)


def test_every_setting_says_its_form_and_its_default_fits_it() -> None:
    for name in FIELDS:
        assert expected(name)
        assert parse_mapping({name: default(name)}) == {name: default(name)}


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.text(max_size=20)))
def test_any_text_is_read_or_refused_by_field(values: dict[str, str]) -> None:
    try:
        found = parse_pairs([f"{key}={value}" for key, value in values.items()])
    except SettingErrors as errors:
        refused = {line.partition(":")[0] for line in errors.lines}
    else:
        refused = set()
        assert settings_of(found)
    assert refused <= set(values)
