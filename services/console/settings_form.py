"""The settings of an account that people change: texts of a form to a checked account and back. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.common.accounts.fields import Account
from services.common.accounts.settings import LISTS, SettingErrors, Value, expected
from services.console.forms import Invalid, problems_of
from services.front.account_input import Typed, changed_account

SHOWN = (
    "poll_interval",
    "full_pass_interval",
    "include",
    "exclude",
    "max_message_bytes",
    "daily_bytes",
    "accept_seen",
)
"""No setting that leads a connection elsewhere or loosens TLS: those are the operator's; nor one that nothing heeds."""
_SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_TIMES = ((86_400, "d"), (3_600, "h"), (60, "m"))


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: the owner's word as text, and what counts without it. ``kind``: line, lines or choice."""

    name: str
    kind: str
    given: str
    otherwise: str


def fields_of(account: Account, typed: Mapping[str, str] | None = None) -> list[Field]:
    """The fields of the form; ``typed`` is shown in place of what is stored."""
    return [_field(account, name, (typed or {}).get(name)) for name in SHOWN]


def changed(account: Account, typed: Mapping[str, str]) -> Account:
    """The account with the typed settings; an empty text stands for the default. Raises Invalid."""
    pairs = [f"{name}={value}" for name in SHOWN if name in typed for value in _values(name, typed[name])]
    try:
        return changed_account(account, Typed(pairs=tuple(pairs)))
    except SettingErrors as errors:
        raise Invalid(problems_of(errors)) from errors


def written(name: str, value: Value) -> str:
    """A value as a person would type it: ``8MiB``, ``1h``, one glob per line; empty for none."""
    if value is None or value is False:
        return ""
    if isinstance(value, tuple):
        return "\n".join(value)
    if isinstance(value, bool):
        return "true"
    if isinstance(value, str):
        return value
    units = _SIZES if expected(name).startswith("octets") else _TIMES if expected(name).startswith("seconds") else ()
    found = next(((size, unit) for size, unit in units if value and value % size == 0), None)
    return f"{value / found[0]:.0f}{found[1]}" if found else f"{value:g}" if isinstance(value, float) else str(value)


def _field(account: Account, name: str, typed: str | None) -> Field:
    given = written(name, account.given.get(name)) if typed is None else typed
    kind = "lines" if name in LISTS else "choice" if name == "accept_seen" else "line"
    return Field(name, kind, given, _otherwise(account, name))


def _otherwise(account: Account, name: str) -> str:
    """What counts without the owner's word: the provider's value, else the default."""
    without = changed_account(account, Typed(pairs=(f"{name}=",)))
    return written(name, getattr(without.settings, name))


def _values(name: str, text: str) -> list[str]:
    if name in LISTS:
        return [line.strip() for line in text.splitlines() if line.strip()] or [""]
    return [text.strip()]
