"""A Dovecot for sign-in tests: a password file, and XOAUTH2/OAUTHBEARER by local JWT validation (RS256, own key)."""

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from services.common.testca import write_certificates

USER, PASSWORD = "u,=1@example.com", 'p"a\\ss 密码'
CONFIG = """
protocols = imap
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
listen = 127.0.0.1
ssl = required
ssl_cert = <{root}/tls/server.pem
ssl_key = <{root}/tls/server.key
auth_mechanisms = plain login xoauth2 oauthbearer
auth_username_chars =
auth_failure_delay = 0
mail_location = maildir:{root}/mail
first_valid_uid = 1
service imap-login {{
  inet_listener imap {{
    port = {starttls}
  }}
  inet_listener imaps {{
    port = {implicit}
    ssl = yes
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {root}/oauth2.conf.ext
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = {root}/users
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={root}/mail
}}
"""
OAUTH = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={root}/keys/
username_attribute = email
"""


@dataclass(frozen=True)
class Dovecot:
    """Ports, CA file, and the key that signs tokens."""

    implicit: int
    starttls: int
    ca: Path
    key: rsa.RSAPrivateKey

    def token(self, life: float = 3600, user: str = USER) -> str:
        """A signed access token; a negative life makes it expired."""
        claims = {"email": user, "sub": user, "iat": int(time.time()) - 7200, "exp": int(time.time() + life)}
        head = _part(json.dumps({"alg": "RS256", "typ": "JWT"}).encode())
        body = head + "." + _part(json.dumps(claims).encode())
        return body + "." + _part(self.key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()))


@contextmanager
def running() -> Iterator[Dovecot]:
    """Start it, wait until it answers, stop it at the end. Needs root and Debian's dovecot-imapd."""
    root = Path(tempfile.mkdtemp(prefix="mailweir-dovecot-"))
    root.chmod(0o755)
    certificates = write_certificates(root / "tls", "localhost")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    found = Dovecot(_free_port(), _free_port(), certificates.ca, key)
    _write(root, found)
    config = root / "dovecot.conf"
    with subprocess.Popen([shutil.which("dovecot") or "/usr/sbin/dovecot", "-F", "-c", str(config)]) as process:
        try:
            _wait(found, root)
            yield found
        finally:
            process.terminate()
            process.wait(10)
    shutil.rmtree(root)


def _write(root: Path, found: Dovecot) -> None:
    (root / "dovecot.conf").write_text(CONFIG.format(root=root, implicit=found.implicit, starttls=found.starttls))
    (root / "oauth2.conf.ext").write_text(OAUTH.format(root=root))
    (root / "users").write_text(f"{USER}:{{PLAIN.b64}}{base64.b64encode(PASSWORD.encode()).decode()}\n")
    public = found.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    folder = root / "keys" / "default" / "RS256"
    folder.mkdir(parents=True)
    (folder / "default").write_bytes(public)
    (root / "mail").mkdir()
    shutil.chown(root / "mail", "mail", "mail")


def _wait(found: Dovecot, root: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", found.starttls), 1) as connection:
                if connection.recv(4) == b"* OK":
                    return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError((root / "log").read_text())


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _part(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
