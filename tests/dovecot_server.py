"""A Dovecot of ``infra.local`` with one user, for the fixtures of several packages: own folder, own ports."""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local import dovecot, folders, program

# Name and password hold the characters that a sign-in gets wrong first.
USER, PASSWORD = "u,=1@example.com", 'p"a\\ss 密码'


@dataclass(frozen=True, slots=True)
class Dovecot:
    """Its folder, its user and the password, and ports of implicit TLS and STARTTLS."""

    folder: Path
    user: str
    password: str
    implicit: int
    starttls: int

    @property
    def ca_file(self) -> Path:
        """File of the authority to trust."""
        return dovecot.ca_file(self.folder)

    def deliver(self, raw: bytes, name: str, folder: str = "INBOX") -> None:
        """Put a message straight into the Maildir."""
        dovecot.deliver(self.folder, self.user, {name: raw}, folder)

    def token(self, life: float = 3600, user: str | None = None) -> str:
        """A signed access token; a negative life in seconds makes it expired."""
        return dovecot.token(self.folder, user or self.user, life)


@contextmanager
def signed_in(server: Dovecot) -> Iterator[imaplib.IMAP4_SSL]:
    """Somebody else with the mailbox, who may change it. The password has to be ASCII."""
    context = ssl.create_default_context(cafile=str(server.ca_file))
    client = imaplib.IMAP4_SSL("localhost", server.implicit, ssl_context=context)
    client.login(server.user, server.password)
    try:
        yield client
    finally:
        client.logout()


@contextmanager
def running(home: Path, user: str = USER, password: str = PASSWORD, *, plain: bool = False) -> Iterator[Dovecot]:
    """Dovecot with CONDSTORE, QRESYNC and all, or (``plain``) advertising next to nothing; it ends with the block."""
    folders.secret(dovecot.password_file(home, user), password)
    server = dovecot.program(home, options=dovecot.Options(users=(user,), plain=plain))
    program.start(server)
    try:
        yield Dovecot(home, user, password, server.ports["imaps"], server.ports["imap"])
    finally:
        program.stop(server)
