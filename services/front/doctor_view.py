"""How the login doctor's steps are shown: lines in English or Chinese, or JSON. Pure; a console can use the same.

Unless ``full`` is asked for, mail addresses, the user name, network addresses and folder names are left out, so that
the result can be pasted into a ticket.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from services.common.accounts.fields import Account
from services.common.accounts.providers import Profile
from services.front.doctor_texts import LABELS, OUTCOMES, TEXTS
from services.front.retold import said
from services.poller.doctor.model import Step

MARKS = {"ok": "✓", "warning": "!", "failed": "✗", "skipped": "·"}
_PRIVATE = {"addresses", "address", "names"}
_COUNTS = {"messages", "octets", "fetched", "announced", "count"}
_EMAIL = re.compile(r"[^\s@<>\"'()]+@[^\s@<>\"'()]+")
_IPV4 = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_IPV6 = re.compile(r"\b(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{0,4}\b")


def hide(text: str, account: Account) -> str:
    """A text without mail addresses, the user name and network addresses; the server's own name stays."""
    local = account.user.partition("@")[0]
    for word in (account.user, account.slug if local in account.slug else "", local if len(local) > 2 else ""):
        if word:
            text = re.sub(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", "<hidden>", text, flags=re.IGNORECASE)
    host = account.host
    parts = text.split(host) if host else [text]
    return host.join(_EMAIL.sub("<hidden>", _IPV6.sub("<hidden>", _IPV4.sub("<hidden>", part))) for part in parts)


def line(step: Step, account: Account, lang: str, *, full: bool) -> str:
    """One step as a line: mark, name, what was seen."""
    seen = _seen(step, account, full=full)
    reason = said(step.reason, lang)
    reason = reason if full else hide(reason, account)
    text = _described(step.name, seen, lang) if step.outcome in {"ok", "warning"} and seen else ""
    words = "; ".join(filter(None, (text, reason)))
    return f"{MARKS[step.outcome]} {_padded(LABELS[lang][step.name])} {words}".rstrip()


def advice(step: Step, account: Account, profile: Profile, lang: str, *, full: bool = True) -> str:
    """What a person can do about a failed step, by the provider's profile first; "" when nothing is wrong."""
    if step.outcome != "failed" or not step.about:
        return ""
    name = account.slug if full or account.user.partition("@")[0] not in account.slug else "NAME"
    return profile.advise(step.about, lang, name) or profile.advise("unknown", lang, name)


def untried(steps: Sequence[Step], lang: str) -> str:
    """One line that names the steps after the failed one; "" when there are none."""
    names = [LABELS[lang][step.name].strip(". ") for step in steps if step.outcome == "skipped"]
    return f"{MARKS['skipped']} {OUTCOMES[lang]['skipped']}: {', '.join(names)}" if names else ""


def verdict(steps: Sequence[Step], lang: str) -> str:
    """The last line: whether mail can be retrieved."""
    warned = any(step.outcome == "warning" for step in steps)
    return OUTCOMES[lang]["failed" if _failed(steps) else "warning" if warned else "ok"]


def exit_code(steps: Sequence[Step]) -> int:
    """0, or the code of the failed step."""
    bad = _failed(steps)
    return bad.exit_code if bad else 0


def _failed(steps: Sequence[Step]) -> Step | None:
    return next((step for step in steps if step.outcome == "failed"), None)


def as_json(steps: Sequence[Step], account: Account, profile: Profile, lang: str, *, full: bool) -> dict[str, Any]:
    """The whole visit for programs: ``ok``, ``state``, ``detail``, ``advice``, ``exit_code`` and ``steps``."""
    bad = _failed(steps)
    show = str if full else lambda text: hide(text, account)
    return {
        "account": account.slug if full else show(account.slug),
        "host": account.host,
        "port": account.port,
        "tls": account.tls,
        "provider": profile.id,
        "ok": bad is None,
        "state": bad.state if bad else "ok",
        "detail": show(said(bad.reason, lang)) if bad else "",
        "advice": advice(bad, account, profile, lang, full=full) if bad else "",
        "exit_code": exit_code(steps),
        "steps": [
            {
                "step": step.name,
                "outcome": step.outcome,
                "seen": _seen(step, account, full=full),
                "reason": show(said(step.reason, lang)),
                "advice": advice(step, account, profile, lang, full=full),
            }
            for step in steps
        ],
    }


def _seen(step: Step, account: Account, *, full: bool) -> dict[str, Any]:
    """What was seen; in the short form lists of private things become their number, and texts are cleaned."""
    if full:
        return dict(step.seen)
    private = _PRIVATE if step.name not in {"capabilities", "capabilities_after", "tls"} else set()
    shown: dict[str, Any] = {}
    for name, value in step.seen.items():
        if name in private:
            shown |= {name: len(value)} if isinstance(value, list) else {}
        else:
            shown[name] = hide(value, account) if isinstance(value, str) and name != "host" else value
    return shown


def _described(name: str, seen: Mapping[str, Any], lang: str) -> str:
    values = {key: _text(key, value) for key, value in seen.items()}
    for needed, text in TEXTS[lang].get(name, ()):
        if all(values.get(key) == value if value else bool(values.get(key)) for key, value in needed.items()):
            return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], ""), text)
    return ""


def _text(key: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if key in _COUNTS and isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else str(value)


def _padded(label: str) -> str:
    """A label in a column of 20 cells; a Chinese character takes two."""
    width = sum(2 if ord(character) > 0x2E80 else 1 for character in label)
    return label + " " * max(0, 20 - width)
