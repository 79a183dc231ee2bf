"""``python -m infra.setup``: generate what ``docker compose`` needs and git never sees: .env and secrets/.

Nothing that exists is changed, so it may run again at any time, and nothing is made anew that existing data needs as it
was. ``--before-up`` is refused then, and where the containers of this name are another checkout's, which ``docker
compose up`` would replace.
"""

import base64
import os
import re
import secrets
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import yaml

from services.common.durable import create
from services.common.environment import COMPOSE_ONLY, PREFIX, SETTINGS, not_known, secret_in

ROOT = Path(__file__).parents[1]
DEMO_USER = "reader@example.test"
_ASSIGNED = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*")
_OWNERS = ("docker", "ps", "--all", "--format", '{{.Label "com.docker.compose.project.working_dir"}}', "--filter")


def main(arguments: Sequence[str] = (), root: Path = ROOT) -> int:
    """Make what is missing and say so; name what of it cannot be meant. 2: ``docker compose up`` would do harm."""
    if lost := list(_lost(root)):
        print("\n".join(lost), file=sys.stderr)
    else:
        made = generate(root)
        print(f"made {', '.join(made)}" if made else ".env and secrets/ are there; nothing was changed")
        for line in troubles(root):
            print(line, file=sys.stderr)
    other = _other_checkout(root) if "--before-up" in arguments else None
    if other:
        print(
            f"the containers {other[0]!r} belong to {other[1]}: give this checkout a name of its own, such as"
            f" COMPOSE_PROJECT_NAME={other[0]}2 in .env, and other ports (MAILWEIR_PORT_...)",
            file=sys.stderr,
        )
    return 2 if other or (lost and "--before-up" in arguments) else 0


def _lost(root: Path) -> Iterator[str]:
    """A line for secrets that are gone while data, or the other secrets, are there: no new one opens what is there."""
    folder, volume = root / "secrets", f"{_project(root)}_postgres"
    gone = {name for name in _KEPT if not (folder / name).exists()}
    if not gone or not ((folder / _LAST).exists() or _succeeds("docker", "volume", "inspect", volume)):
        return
    if "master_key" in gone:
        yield (
            "secrets/master_key is gone, and no other key opens what accounts were stored with: bring your copy back;"
            " or make a new one, `openssl rand -base64 32 > secrets/master_key`, and enter each account's secret again"
        )
    if gone >= _PASSWORD:
        yield (
            f"secrets/postgres_password is gone, and the volume {volume} keeps that with which it was made: bring your"
            " copy of secrets/ back; or remove all data: docker compose down -v; or, where the data are another"
            " checkout's, give this one a name of its own: COMPOSE_PROJECT_NAME in .env"
        )


def troubles(root: Path) -> Iterator[str]:
    """What .env names in vain, and secrets that the services could not use."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    fixed = services["console"]["environment"]  # those of all services, and its own
    for number, name, _ in _lines_of(root / ".env"):
        if name.upper().startswith(PREFIX) and name not in SETTINGS | COMPOSE_ONLY:
            yield f".env, line {number}: {not_known(name, SETTINGS | COMPOSE_ONLY)}"
        elif f"${{{name}" not in str(fixed.get(name, f"${{{name}")):
            yield f".env, line {number}: {name} is set by docker-compose.yml itself, and ignored here"
    for name in _MAKERS:
        path = root / "secrets" / name
        try:
            secret_in(path, several=name == "master_key")
        except ValueError as error:
            yield f"secrets/{name}: {error}"
        else:
            if not path.stat().st_mode & stat.S_IROTH:
                yield f"secrets/{name}: the services, which are no root, cannot read it; run: chmod 644 secrets/{name}"


def _lines_of(path: Path) -> Iterator[tuple[int, str, str]]:
    """Number, name and text of each assignment, as docker compose finds them: also after a mark of the encoding."""
    for number, line in enumerate(path.read_text("utf-8-sig", errors="replace").splitlines(), 1):
        if found := _ASSIGNED.fullmatch(line):
            yield number, found[1], found[2].strip("'\"")


def _other_checkout(root: Path) -> tuple[str, str] | None:
    """Name and folder of a project whose containers would be replaced; None where docker does not answer, too."""
    name = _project(root)
    command = [*_OWNERS, f"label=com.docker.compose.project={name}"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    others = (each for each in listed.split("\n") if each and Path(each).resolve() != root.resolve())
    return next(((name, each) for each in others if Path(each).is_dir()), None)  # else this one, before it was moved


def _project(root: Path) -> str:
    lines = _lines_of(root / ".env") if (root / ".env").exists() else ()
    given = {name: text for _, name, text in lines}
    return os.environ.get("COMPOSE_PROJECT_NAME") or given.get("COMPOSE_PROJECT_NAME") or "mailweir"


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


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


def _postgres_password(folder: Path) -> str:
    """That of the address of the database, where the file alone is gone."""
    if (folder / "database_url").exists():
        address = (folder / "database_url").read_text("utf-8", errors="replace").strip()
        return unquote(urlsplit(address).password or "") or secrets.token_urlsafe(24)
    return secrets.token_urlsafe(24)


def _database_url(folder: Path) -> str:
    """With the password as the image of Postgres reads it from the file: without the line feeds at its end."""
    password = (folder / "postgres_password").read_text("utf-8").rstrip("\n")
    return f"postgresql://mailweir:{quote(password, safe='')}@postgres:5432/mailweir"


def _master_key(_: Path) -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode() + "\n"


def _dovecot_users(folder: Path) -> str:
    return f"{DEMO_USER}:{{PLAIN}}{(folder / 'dovecot_password').read_text().rstrip()}\n"


_MAKERS: dict[str, Callable[[Path], str]] = {  # in this order: some are made of those before them
    "postgres_password": _postgres_password,
    "database_url": _database_url,
    "s3_access_key": lambda _: "mailweir",
    "s3_secret_key": _random,
    "master_key": _master_key,
    "dovecot_password": _random,
    "dovecot_users": _dovecot_users,
}
_LAST = next(reversed(_MAKERS))  # where this is there, all were made
_PASSWORD = {"postgres_password", "database_url"}  # each can be made of the other
_KEPT = _PASSWORD | {"master_key"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
