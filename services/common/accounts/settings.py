"""Settings of one account: one name everywhere (``--set KEY=VALUE``, the accounts file, the console). Pure.

Units are seconds and octets. ``None`` means: what the provider profile says, or no limit where there is none.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from services.common.errors import ConfigurationError

Value = str | int | float | bool | tuple[str, ...] | None
KIB, MIB = 1024, 1024 * 1024
_SIZES = {"": 1, "B": 1, "KIB": KIB, "K": KIB, "MIB": MIB, "M": MIB, "GIB": 1024 * MIB, "G": 1024 * MIB}
_SECONDS = {"": 1, "S": 1, "M": 60, "MIN": 60, "H": 3600, "D": 86400}
_UNIT = re.compile(r"^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$")

Seconds = Annotated[float, Meta(ge=0, le=31_536_000, description="seconds, 0 to 31536000")]
Longer = Annotated[float, Meta(ge=0.01, le=31_536_000, description="seconds, 0.01 to 31536000")]
Count = Annotated[int, Meta(ge=1, le=100_000, description="a whole number, 1 to 100000")]
Octets = Annotated[int, Meta(ge=1, le=1 << 40, description="octets, 1 to 1 TiB (also as 8MiB)")]
Rate = Annotated[int, Meta(ge=0, le=1 << 30, description="octets per second, 0 (never) to 1 GiB")]
Globs = Annotated[tuple[str, ...], Meta(description="a folder glob, =NAME, or a special use such as \\Sent")]
Url = Annotated[str, Meta(pattern=r"^https?://[^\s]+$", description="an https:// address")]
Text = Annotated[
    str, Meta(pattern=r"^[^\x00-\x1f\x7f\ud800-\udfff]+$", max_length=2000, description="one line of text")
]
YesNo = Annotated[bool, Meta(description="true or false")]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", description="a day as YYYY-MM-DD")]


class AccountSettings(Struct, frozen=True, kw_only=True):
    """What the poller may be told per account (docs/accounts.md). Each name, unit and default is public."""

    poll_interval: Longer = 60.0
    idle_refresh: Longer = 540.0
    list_interval: Seconds = 300.0
    full_pass_interval: Seconds = 86400.0
    batch_messages: Count = 100
    batch_bytes: Octets = 8 * MIB
    max_message_bytes: Octets = 100 * MIB
    connect_timeout: Longer = 15.0
    command_timeout: Longer = 60.0
    min_rate: Rate = 256
    backoff_base: Seconds = 5.0
    backoff_max: Seconds = 900.0
    login_min_interval: Seconds = 10.0
    max_signin_failures: Count = 3
    quarantine_after: Count = 3
    vanish_confirm: Seconds = 600.0
    attempts: Count = 5
    max_connections: Count | None = None
    daily_bytes: Octets | None = None
    include: Globs = ()
    exclude: Globs = ()
    legacy_tls: YesNo = False
    public_only: YesNo = False
    accept_seen: YesNo = False
    retention_days: Count | None = None
    oauth_token_url: Url | None = None
    oauth_authorize_url: Url | None = None
    oauth_device_url: Url | None = None
    oauth_issuer: Url | None = None
    oauth_client_id: Text | None = None
    oauth_scope: Text | None = None
    oauth_ca_file: Text | None = None
    code_expires: Day | None = None


FIELDS = {field.name: field for field in msgspec.structs.fields(AccountSettings)}
LISTS = frozenset({"include", "exclude"})
DAYS = frozenset({"code_expires"})


class SettingErrors(ConfigurationError):
    """Every bad field at once; ``lines`` holds one message per field."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


def parse_pairs(pairs: Iterable[str]) -> dict[str, Value]:
    """KEY=VALUE texts to typed values; ``include`` and ``exclude`` may repeat, an empty value means the default (None).

    Raises:
        SettingErrors: one line per bad pair, with the expected form.

    """
    found: dict[str, object] = {}
    errors = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals:
            errors.append(f"{key}: write it as {key}=VALUE")
        elif key in LISTS:
            known = found.get(key) or ()
            found[key] = (*known, value) if value else ()  # type: ignore[misc]
        else:
            found[key] = value.strip() or None
    return _checked(found, errors)


def parse_mapping(values: Mapping[str, object]) -> dict[str, Value]:
    """Typed values of a table (accounts file, console form), with the same rules and errors as the texts."""
    return _checked(values, [])


def parse_stored(values: Mapping[str, object]) -> dict[str, Value]:
    """Typed values of a stored account. A day that is none, as was once taken, counts as not given."""
    return parse_mapping({key: value for key, value in values.items() if key not in DAYS or _is_day(value)})


def settings_of(given: Mapping[str, Value], profile: Mapping[str, Value] | None = None) -> AccountSettings:
    """What counts: the owner's values before the profile's before the defaults; a value None stands for not given."""
    merged = {**(profile or {}), **{key: value for key, value in given.items() if value is not None}}
    return AccountSettings(**merged)  # type: ignore[arg-type]


def _checked(values: Mapping[str, object], errors: list[str]) -> dict[str, Value]:
    result: dict[str, Value] = {}
    for key, value in values.items():
        if key not in FIELDS:
            errors.append(f"{key}: no such setting; known are {', '.join(sorted(FIELDS))}")
            continue
        try:
            result[key] = _value(key, value)
        except (msgspec.ValidationError, ValueError):
            errors.append(f"{key}: {quoted(value)} does not fit; it is {expected(key)}")
    if errors:
        raise SettingErrors(errors)
    return result


def expected(key: str) -> str:
    """The form of a setting in words, such as ``seconds, 0 to 31536000``."""
    return next(meta.description or "" for meta in _metas(FIELDS[key].type))


def default(key: str) -> Value:
    """The default of a setting, before any profile."""
    value: Value = FIELDS[key].default
    return value


def _value(key: str, value: object) -> Value:
    if value is None:
        return None
    kind = FIELDS[key].type
    if key in LISTS:
        globs = tuple(msgspec.convert([value] if isinstance(value, str) else value, list[str]))
        if any(not glob or re.search(r"[\x00-\x1f\x7f]", glob) for glob in globs):
            raise ValueError
        return globs
    if isinstance(value, bool) and kind is not YesNo:
        raise ValueError
    if isinstance(value, str):
        value = _plain(value, expected(key))
    converted: Value = msgspec.convert(value, kind, strict=False)
    if key in DAYS and not _is_day(converted):
        raise ValueError
    return converted


def _is_day(value: object) -> bool:
    try:
        return bool(date.fromisoformat(str(value)))
    except ValueError:
        return False


def _plain(text: str, form: str) -> str:
    """A number with its unit as a plain number; any other text as it is."""
    units = _SIZES if form.startswith("octets") else _SECONDS if form.startswith("seconds") else None
    found = _UNIT.match(text)
    if units is None or found is None or not found[2]:
        return text
    return str(float(found[1]) * units[found[2].upper()]) if found[2].upper() in units else text


def _metas(kind: object) -> Iterable[Meta]:
    if get_origin(kind) is Annotated:
        yield from (item for item in get_args(kind)[1:] if isinstance(item, Meta))
    else:
        for part in get_args(kind):
            yield from _metas(part)


def quoted(value: object) -> str:
    """What was typed, short enough and fit for a message."""
    text = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "?", str(value)[:40])
    return f'"{text}"'
