"""What the environment says: texts of our variables and of the files that they name, and all that is wrong with them.

Every name that we know is here, as a process that reads only its own settings cannot tell a wrong name from the name
of another service's setting.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "MAILWEIR_"
FILE = "_FILE"
MASTER_KEY = f"{PREFIX}MASTER_KEY"
_SECRETS = ("DATABASE_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY", "MASTER_KEY")
_NAMES = {
    "": ("HOME", "KAFKA", "S3_ENDPOINT", "S3_BUCKET", "LOG", "ACCOUNTS_FILE", "CACHE", "INTERPRETED"),
    "ATTACHMENTS_": ("BATCH", "WITHIN"),
    "CONSOLE_": (
        *("HOST", "PORT", "NAMES", "TLS_CERTIFICATE", "TLS_KEY", "BEHIND_PROXY", "PUBLISHED_LOCALLY", "PROXIES"),
        *("ALLOWED_HOSTS", "IDLE_MINUTES", "SESSION_HOURS"),
    ),
    "KAFKA_": (
        *("TOPIC_PREFIX", "SESSION_TIMEOUT", "REBALANCE_TIMEOUT", "REQUEST_TIMEOUT", "COMMIT_INTERVAL", "BUFFER"),
        *("FETCH_BYTES", "COMPRESSION", "BATCH_BYTES", "IN_FLIGHT_BYTES", "STALL_TIMEOUT", "PROBE_INTERVAL"),
        *("STOP_GRACE", "RETRY_BASE", "RETRY_CAP", "DEAD_LETTER_RUN", "DEAD_LETTER_RATIO", "DEAD_LETTER_WINDOW"),
    ),
    "METRICS_": ("HOST", "PORT"),
    "PARSER_": ("BATCH", "WITHIN", "INLINE_LIMIT"),
    "POLLER_": ("ACCOUNTS", "SPOOL"),
    "STORER_": ("BATCH", "WITHIN"),
}
COMPOSE_ONLY = frozenset(
    PREFIX + name
    for name in (
        *("ACCOUNTS_FOLDER", "PORT_PAGES", "PORT_KAFKA", "PORT_S3", "PORT_CONSOLE", "PORT_IMAPS", "PORT_PROMETHEUS"),
    )
)
TESTS_ONLY = frozenset({f"{PREFIX}CORPUS", f"{PREFIX}E2E_MESSAGES"})
SETTINGS = frozenset(
    [f"{PREFIX}{group}{name}" for group, names in _NAMES.items() for name in names]
    + [f"{PREFIX}{name}{end}" for name in _SECRETS for end in ("", FILE)]
)
KNOWN = SETTINGS | COMPOSE_ONLY | TESTS_ONLY
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MEANT = {"KAFKA_BOOTSTRAP": "KAFKA", "BOOTSTRAP": "KAFKA", "DATABASE": "DATABASE_URL", "BUCKET": "S3_BUCKET"}


@dataclass(frozen=True, slots=True)
class Told:
    """Texts by variable, without white space around them; faults by variable, for those that cannot be used."""

    texts: Mapping[str, str]
    faults: Mapping[str, str]


def told(names: Iterable[str], secrets: Collection[str], environ: Mapping[str, str] = os.environ) -> Told:
    """What the environment says about the variables ``names``; the ``secrets`` among them may also be in files."""
    texts, faults = {}, {}
    for name in names:
        path = environ.get(name + FILE, "").strip() if name in secrets else ""
        text = environ.get(name, "").strip()
        if path and text:
            faults[name] = f"{name} and {name}{FILE} are both set: keep one of them"
        elif path:
            try:
                texts[name] = secret_in(Path(path), several=name == MASTER_KEY)
            except ValueError as error:
                faults[name] = f"{name}{FILE}: {path}: {error}"
        elif text and (fault := _fault(text, several=name == MASTER_KEY)):
            faults[name] = f"{name}: {fault}"
        elif text:
            texts[name] = text
    return Told(texts, faults)


def secret_in(path: Path, *, several: bool = False) -> str:
    """The one line of a secret's file, or all of ``several``; a mark of its encoding and the line ends go.

    Raises:
        ValueError: it cannot be read, or holds something else. The text is for people and holds nothing of the file.

    """
    try:
        text = path.read_text("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text; write it anew as UTF-8") from None
    except OSError as error:
        raise ValueError(_unread(error)) from None
    if not text.strip():
        raise ValueError("the file is empty")
    if fault := _fault(text, several=several):
        raise ValueError(fault)
    return text


def unknown(environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """A line for each variable that is called like one of ours and is none, with the nearest name. Never its value."""
    for name in sorted(environ):
        if name not in KNOWN and name.strip("\ufeff \t\r").upper().startswith(PREFIX):
            yield not_known(name)


def not_known(name: str, known: Collection[str] = SETTINGS) -> str:
    """What is said about a name that nobody reads."""
    near = _nearest(name, known)
    return f"{name!a:.80} is not a setting and is ignored".replace("'", "") + (f"; is {near} meant?" if near else "")


def _nearest(name: str, known: Collection[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 (nobody else pays for it)

    bare = name.strip("\ufeff \t\r").upper().removeprefix(PREFIX)
    candidates = {known_name.removeprefix(PREFIX): known_name for known_name in known}
    longer = [name for name in candidates if name.startswith(bare)]
    close = longer if len(longer) == 1 else get_close_matches(bare, [*candidates, *_MEANT], 1, 0.7)
    return candidates[_MEANT.get(close[0], close[0])] if close else ""


def _fault(text: str, *, several: bool) -> str:
    """Why a text cannot be meant as it is."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return "it is in quotes, which are part of it here; take them off"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "it is not UTF-8 text"
    shown = text.replace("\r", "").replace("\n", "") if several else text
    if _CONTROL.search(shown):
        return "it holds a control character or a second line"
    return ""


def _unread(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"{error.strerror} for user {os.geteuid()}, as whom this process runs"
    if isinstance(error, IsADirectoryError):
        return "it is a folder (docker makes one where a file to be mounted is missing)"
    return error.strerror or type(error).__name__
