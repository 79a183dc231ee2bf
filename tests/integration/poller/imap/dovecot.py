"""A private Dovecot for one test: own folder, ports and certificate. Needs root, as Dovecot's login processes do."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.common.testca import write_certificates

USER, PASSWORD = "user@example.com", "canary-dovecot-Qk7"
_NOBODY = 65534
_PLAIN = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID LITERAL+ NAMESPACE UIDPLUS"
_CONFIG = """
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{root}/tls/server.pem
ssl_key = <{root}/tls/server.key
mail_location = maildir:{root}/mail/%u
first_valid_uid = 1
auth_mechanisms = plain login
auth_failure_delay = 0
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={root}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    special_use = \\Sent
    auto = create
  }}
}}
{capability}
"""


@dataclass(frozen=True, slots=True)
class Dovecot:
    """Ports of STARTTLS and implicit TLS, the CA and the Maildir of the one user."""

    port: int
    tls_port: int
    ca_file: Path
    maildir: Path

    def deliver(self, raw: bytes, name: str, folder: str = "") -> None:
        """Put a message into ``new`` of INBOX or of a folder (Maildir++ name with its dot)."""
        target = self.maildir / folder / "new"
        target.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(raw)
        for path in (self.maildir, target.parent, target, target / name):
            os.chown(path, _NOBODY, _NOBODY)


@contextlib.contextmanager
def running(*, plain: bool = False) -> Iterator[Dovecot]:
    """Dovecot with CONDSTORE, QRESYNC and all, or (``plain``) advertising next to nothing."""
    root = Path(tempfile.mkdtemp(prefix="mailweir-dovecot-"))
    root.chmod(0o755)
    try:
        port, tls_port = _free_port(), _free_port()
        certificates = write_certificates(root / "tls", "localhost")
        maildir = root / "mail" / USER
        maildir.mkdir(parents=True)
        os.chown(maildir, _NOBODY, _NOBODY)
        capability = f"imap_capability = {_PLAIN}" if plain else ""
        text = _CONFIG.format(root=root, password=PASSWORD, port=port, tls_port=tls_port, capability=capability)
        (root / "dovecot.conf").write_text(text)
        process = subprocess.Popen(["dovecot", "-F", "-c", str(root / "dovecot.conf")], stdin=subprocess.DEVNULL)
        try:
            _wait(tls_port, process, root / "dovecot.log")
            yield Dovecot(port, tls_port, certificates.ca, maildir)
        finally:
            process.terminate()
            process.wait(10)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(log.read_text() if log.exists() else "Dovecot did not start")
