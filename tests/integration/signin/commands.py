"""The commands as another program starts them, and the scripted server that they talk to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.imap_model import Mailbox, Script, folder, messages

CANARY = "Canary/Secret+4711=="
USER = "user@example.com"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Run = Callable[..., Done]


def script() -> Script:
    boxes = {b"INBOX": Mailbox(messages(3)), folder("已发送"): Mailbox(attributes=("\\Sent",)), b"Old": Mailbox()}
    return Script(boxes, ("IMAP4rev1", "IDLE", "SPECIAL-USE", "AUTH=XOAUTH2"), tokens={USER: "good"})


def secret_file(tmp_path: Path, text_: str = CANARY) -> str:
    path = tmp_path / "secret"
    path.write_text(text_ + "\n")
    return str(path)


def add(run: Run, server: dict[str, Any], tmp_path: Path, secret: str, *more: str) -> None:
    where = ["--host", "localhost", "--port", str(server["port"]), "--ca-file", server["ca"], "--user", USER]
    quick = [
        "--set",
        "connect_timeout=20",
        "--set",
        "command_timeout=15",
        "--secret-file",
        secret_file(tmp_path, secret),
    ]
    done = run("accounts", "add", "work", *where, *quick, *more)
    assert done.code == 0, done.err
