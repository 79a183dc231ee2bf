"""A local Dovecot with one user whose name and password hold the characters that sign-in gets wrong first."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local import dovecot, folders, program

USER, PASSWORD = "u,=1@example.com", 'p"a\\ss 密码'


@dataclass(frozen=True)
class Dovecot:
    """Its folder, and ports of implicit TLS and STARTTLS."""

    folder: Path
    implicit: int
    starttls: int

    @property
    def ca(self) -> Path:
        """File of the authority to trust."""
        return dovecot.ca_file(self.folder)

    def token(self, life: float = 3600, user: str = USER) -> str:
        """A signed access token; a negative life makes it expired."""
        return dovecot.token(self.folder, user, life)


@contextmanager
def running(folder: Path) -> Iterator[Dovecot]:
    """Start it, wait until it answers, stop it at the end."""
    folders.secret(dovecot.password_file(folder, USER), PASSWORD)
    server = dovecot.program(folder, options=dovecot.Options(users=(USER,)))
    program.start(server)
    try:
        yield Dovecot(folder, server.ports["imaps"], server.ports["imap"])
    finally:
        program.stop(server)
