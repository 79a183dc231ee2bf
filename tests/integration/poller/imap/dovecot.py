"""The Dovecot of ``infra.local`` for one test: own folder and ports, one user, mail put straight into its Maildir."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local import dovecot, folders, program

USER, PASSWORD = dovecot.USERS[0], "canary-dovecot-Qk7"


@dataclass(frozen=True, slots=True)
class Dovecot:
    """Its folder, and ports of STARTTLS and implicit TLS."""

    folder: Path
    port: int
    tls_port: int

    @property
    def ca_file(self) -> Path:
        """File of the authority to trust."""
        return dovecot.ca_file(self.folder)

    def deliver(self, raw: bytes, name: str, folder: str = "INBOX") -> None:
        """Put a message into INBOX or a folder."""
        dovecot.deliver(self.folder, USER, {name: raw}, folder)


@contextmanager
def running(*, plain: bool = False) -> Iterator[Dovecot]:
    """Dovecot with CONDSTORE, QRESYNC and all, or (``plain``) advertising next to nothing."""
    with tempfile.TemporaryDirectory(prefix="mailweir-dovecot-") as root:
        folder = Path(root)
        folders.secret(dovecot.password_file(folder, USER), PASSWORD)
        server = dovecot.program(folder, options=dovecot.Options(users=(USER,), plain=plain))
        program.start(server)
        try:
            yield Dovecot(folder, server.ports["imap"], server.ports["imaps"])
        finally:
            program.stop(server)
