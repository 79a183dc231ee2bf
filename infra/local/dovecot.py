"""Dovecot 2.3 as IMAP server for tests and trials: own CA, implicit TLS and STARTTLS, passwords and signed tokens.

Runs as root, for its sign-in processes change their user; mail lies as Maildir below ``mail/`` and belongs to nobody.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local import apt, folders, tokens
from infra.local.dovecot_config import render, run_folder
from infra.local.program import Program
from infra.local.tls_greeting import greets
from services.common.durable import replace
from services.common.errors import ConfigurationError
from services.common.testca import write_certificates

PORTS = ("imap", "imaps")
HOST = "localhost"
USERS = ("reader@example.test", "second@example.test")
_OWNER = "nobody"


@dataclass(frozen=True, slots=True)
class Options:
    """``plain``: advertise next to nothing beyond IMAP4rev1, as the first target providers do."""

    users: Sequence[str] = USERS
    plain: bool = False


def install() -> Path:
    """Path of the server, installed by apt when missing. Raises ConfigurationError when that cannot be done."""
    return apt.program("dovecot", "dovecot-imapd", "the IMAP server of the tests")


def program(folder: Path, wanted: Mapping[str, int] | None = None, options: Options | None = None) -> Program:
    """Dovecot in ``folder``; ports ``imap`` (STARTTLS) and ``imaps`` of ``wanted``, kept ones or free ones."""
    ports, options = folders.ports(folder, PORTS, wanted), options or Options()
    return Program(
        "dovecot",
        folder,
        (apt.path_of("dovecot") or "dovecot", "-F", "-c", str(folder / "dovecot.conf")),
        ready=lambda: greets(ports["imaps"], HOST, ca_file(folder)),
        prepare=lambda: _prepare(folder, ports, options),
        ports=ports,
        stop_seconds=10,
    )


def ca_file(folder: Path) -> Path:
    """Certificate of the authority that clients must trust."""
    return folder / "tls" / "ca.pem"


def password_file(folder: Path, user: str) -> Path:
    """File with the password of a user."""
    return folder / "passwords" / user


def token(folder: Path, user: str, seconds: float = 3600) -> str:
    """A signed access token for XOAUTH2 and OAUTHBEARER; negative seconds give an expired one."""
    return tokens.issue(folder / "token.key", user, seconds)


def maildir(folder: Path, user: str, name: str = "INBOX") -> Path:
    """The Maildir of a folder, named as people read it (``合同/2026``), made when missing and subscribed to."""
    home = folder / "mail" / user
    path = home if name == "INBOX" else home / f".{name.replace('/', '.')}"
    for part in (home, path, path / "cur", path / "new", path / "tmp"):
        if not part.exists():
            part.mkdir(parents=True)
            hand_over(part)
    marker = path / "maildirfolder"
    if name != "INBOX" and not marker.exists():
        marker.touch()
        hand_over(marker)
    return path


def deliver(folder: Path, user: str, messages: Mapping[str, bytes], name: str = "INBOX") -> None:
    """Put messages (file name: exact bytes) into a folder as unseen mail, as a delivery agent does."""
    target = maildir(folder, user, name)
    for file_name, raw in messages.items():
        fresh = target / "tmp" / file_name
        fresh.write_bytes(raw)
        hand_over(fresh)
        fresh.rename(target / "new" / file_name)


def hand_over(path: Path) -> None:
    """Make a file that is being delivered the server's own."""
    if os.geteuid() == 0:
        folders.give_to(path, _OWNER)


def _prepare(folder: Path, ports: Mapping[str, int], options: Options) -> None:
    install()
    if os.geteuid() != 0:
        raise ConfigurationError("Dovecot must be started by root, as its sign-in processes change their user")
    folder.chmod(0o755)
    folders.make_reachable(folder / "mail")
    run_folder(folder).parent.mkdir(parents=True, exist_ok=True)
    write_certificates(folder / "tls", HOST)
    tokens.make_keys(folder / "token.key", folder / "token-keys")
    lines = []
    for user in options.users:
        lines.append(f"{user}:{{PLAIN}}{folders.secret(password_file(folder, user))}\n")
        maildir(folder, user)
    replace(folder / "users", "".join(lines), 0o600)
    for name, text in render(folder, ports, plain=options.plain).items():
        (folder / name).write_text(text)
