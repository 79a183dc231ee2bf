"""The form of an account: from typed texts to a checked account, with the rules and texts of the commands. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

from services.common.accounts.fields import PORTS, SLUG, Account, slug_of
from services.common.accounts.providers import Profile, profile, profile_for
from services.common.accounts.settings import SettingErrors
from services.common.errors import MailweirError
from services.common.secret import Secret, is_one_line
from services.console.texts import Language, lookup
from services.front.account_input import Typed, changed_account, new_account
from services.front.retold import noted
from services.poller.domain.choose import exactly

SECRETS = ("password", "refresh_token", "client_secret")
ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "name": {"pattern": SLUG, "maxlength": "63"},
    "user": {"maxlength": "320"},
    "host": {"maxlength": "253"},
    "port": {"min": "1", "max": "65535"},
}
"""What a browser checks by itself: the same bounds as ``services.common.accounts.fields``."""
_COMMAND = re.compile(r"(?:(run)|(运行))?([:：]? ?)mailweir accounts (secret|authorize)(?: NAME)?")
_FIELD_IS_HERE = re.compile(r"(?: and|[.。]? Then|[,，]?然后) ?(?:use|使用)[:：] ?“[^”]*”")
_BUTTONS = {"secret": "account.replace", "authorize": "account.authorize"}


WORDS = frozenset({"empty", "line", "taken", "left", "refused", "needed", "proof", "none"})
"""Problems that only a form has; their texts are ``problem.<word>``."""


class Invalid(MailweirError):
    """Some fields cannot be used; ``problems`` tells each by its name: a text of the checks, or one of ``WORDS``."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class Form:
    """What is typed into the form of an account; ``name`` may be empty for a new one. Never a secret."""

    name: str = ""
    user: str = ""
    host: str = ""
    port: str = ""
    tls: str = "implicit"
    auth: str = "auto"
    code_expires: str = ""


def sent(values: Mapping[str, str], before: Account | None = None) -> Form:
    """The form as it was sent; surrounding blanks are nobody's intention. What is left out is that of ``before``."""
    known = {field.name for field in fields(Form)}
    typed = {name: text.strip(" ") for name, text in values.items() if name in known}
    return replace(stored(before) if before else Form(), **typed)


def stored(account: Account) -> Form:
    """The form of a stored account."""
    expires = account.given.get("code_expires") or ""
    return Form(account.slug, account.user, account.host, str(account.port), account.tls, account.auth, str(expires))


def suggested(address: str) -> Form:
    """The form that a mail address fills: host, port, TLS and sign-in method of its provider."""
    known = profile_for(address)
    domain = address.rpartition("@")[2].strip().lower()
    hosts = known.hosts_of(domain) if "@" in address and domain else ()
    name = slug_of(address) if hosts else ""
    return Form(name, address, hosts[0] if hosts else "", str(known.port), known.tls, known.auth)


def account_of(form: Form, before: Account | None = None) -> Account:
    """The account that a form describes; from ``before`` it keeps what the form does not show. Raises Invalid."""
    _require(form)
    pairs = (f"code_expires={form.code_expires}",) if form.code_expires or before else ()
    try:
        port = int(form.port or PORTS.get(form.tls, 993))
        typed = Typed(host=form.host, port=port, tls=form.tls, user=form.user, auth=form.auth, pairs=pairs)
        name = form.name or slug_of(form.user)
        return changed_account(before, typed) if before else new_account(name, typed)[0]
    except SettingErrors as errors:
        raise Invalid(problems_of(errors)) from errors


def moved(before: Account, after: Account) -> bool:
    """Whether a change sends the secret elsewhere, so that it must be typed anew."""
    return (before.host, before.user) != (after.host, after.user)


def diverted(before: Account, after: Account) -> bool:
    """Whether a stored secret would go another way than the owner once tried."""
    way = ("host", "user", "port", "tls")
    return any(getattr(before, name) != getattr(after, name) for name in way)


def secret_of(text: str) -> Secret | None:
    """A typed secret, None for an empty field. Raises Invalid, which does not repeat it."""
    if not text:
        return None
    if not is_one_line(text):
        raise Invalid({"secret": "line"})
    return Secret(text)


def problems_of(errors: SettingErrors) -> dict[str, str]:
    """The lines of the checks by field."""
    pairs = (line.partition(": ") for line in errors.lines)
    return {name: problem for name, _, problem in pairs}


def advice(known: Profile, about: str, lang: Language) -> str:
    """A provider's advice for a page: with the names of buttons where a terminal needs commands."""
    t = lookup(lang)

    def button(found: re.Match[str]) -> str:
        verb = "use" if found[1] else "使用" if found[2] else ""
        return f"{verb}{found[3]}“{t(_BUTTONS[found[4]])}”"

    return _COMMAND.sub(button, known.advise(about, lang)).strip()


def retold(told: str, account: str, lang: Language) -> str:
    """Advice that the poller wrote for a terminal, for a page in its language; another text as it is."""
    return next((advice(known, about, lang) for known, about in noted(told, account)), told)


def explained(known: Profile, lang: Language) -> str:
    """What a code or app password is and where it is made, for the form that has a field for it; else empty."""
    if known.secret not in {"code", "app_password"}:
        return ""
    told = _FIELD_IS_HERE.sub("", advice(known, "credential", lang)).strip()
    return told if told.endswith((".", "。")) else told + ("。" if lang == "zh" else ".")


def profile_of(form: Form) -> Profile:
    """The provider that a form leads to."""
    return profile_for(form.user, form.host)


def wants_grant(account: Account) -> bool:
    """Whether access to the account is granted in a browser (OAuth2) rather than by a typed secret."""
    return account.by_token or profile(account.provider).grants


def chosen_patterns(names: list[str], taken: set[str], *, future: bool) -> dict[str, tuple[str, ...]]:
    """``include`` and ``exclude`` for a choice among ``names``. ``future``: also what appears later."""
    left = tuple(exactly(name) for name in names if name not in taken)
    if future:
        return {"include": (), "exclude": left}
    return {"include": tuple(exactly(name) for name in names if name in taken), "exclude": ()}


def shown(problems: Mapping[str, str], t: Callable[..., str], lang: str) -> dict[str, str]:
    """Problems as texts of a language: in English the words of the checks themselves."""
    keys = {name: word if word in WORDS else name for name, word in problems.items()}
    told = {name: t(f"problem.{key}") for name, key in keys.items() if key in WORDS or lang != "en"}
    return {name: told.get(name, problem) for name, problem in problems.items()}


def printable(form: Form) -> Form:
    """The form for showing again: control characters never reach a page."""
    clean = {field.name: "".join(filter(str.isprintable, getattr(form, field.name))) for field in fields(Form)}
    return replace(form, **clean)


def _require(form: Form) -> None:
    missing = {name: "empty" for name in ("user", "host") if not getattr(form, name)}
    if form.port and not (form.port.isascii() and form.port.isdigit() and len(form.port) <= 5):
        missing["port"] = f"{form.port[:12]!r} is not between 1 and 65535"
    if missing:
        raise Invalid(missing)
