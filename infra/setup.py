"""``python -m infra.setup``: generate what ``docker compose`` needs and git never sees: .env and secrets/.

Nothing that exists is changed, so it may run again at any time.
"""

import base64
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from services.common.durable import create

ROOT = Path(__file__).parents[1]
DEMO_USER = "reader@example.test"


def main(root: Path = ROOT) -> int:
    """Make what is missing and say so."""
    made = generate(root)
    print(f"made {', '.join(made)}" if made else ".env and secrets/ are there; nothing was changed")
    return 0


def generate(root: Path) -> list[str]:
    """Names of the files made below ``root``.

    The folder is for its owner alone (0700). The files in it are 0644, for docker compose mounts them as they are,
    and the services, which are no root, must read them.
    """
    made = []
    if not (root / ".env").exists():
        create(root / ".env", (root / ".env.example").read_text("utf-8"))
        made.append(".env")
    folder = root / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, make in _MAKERS.items():
        if not (folder / name).exists():
            create(folder / name, make(folder))
            made.append(f"secrets/{name}")
    return made


def _random(_: Path) -> str:
    return secrets.token_urlsafe(24)


def _database_url(folder: Path) -> str:
    return f"postgresql://mailweir:{(folder / 'postgres_password').read_text()}@postgres:5432/mailweir"


def _master_key(_: Path) -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode() + "\n"


def _dovecot_users(folder: Path) -> str:
    return f"{DEMO_USER}:{{PLAIN}}{(folder / 'dovecot_password').read_text()}\n"


_MAKERS: dict[str, Callable[[Path], str]] = {  # in this order: some are made of those before them
    "postgres_password": _random,
    "database_url": _database_url,
    "s3_access_key": lambda _: "mailweir",
    "s3_secret_key": _random,
    "master_key": _master_key,
    "dovecot_password": _random,
    "dovecot_users": _dovecot_users,
}


if __name__ == "__main__":
    sys.exit(main())
