"""MinIO built once from its Go module, with its console; answers on 127.0.0.1 only."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from infra.local import cache, folders
from infra.local.program import Program, not_ours

MODULE = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
PORTS = ("api", "console")
# Collecting garbage half as often, and looking through all objects (for sizes per bucket) at the slowest pace: measured
# on 10,000 messages, 1 CPU s less of 17, for 130 MB more of memory. What is written is synced to disk as before.
TUNING = {"GOGC": "200", "MINIO_SCANNER_SPEED": "slowest"}
_ACCESS_KEY = "mailweir"


def install() -> Path:
    """The folder of the program ``minio``, built once (3 minutes on 2 cores). Raises ConfigurationError without Go."""
    return cache.provided(_folder_name(), _build)


def program(folder: Path, wanted: Mapping[str, int] | None = None) -> Program:
    """MinIO in ``folder``, on the ports of ``wanted`` (``api``, ``console``), kept ones or free ones."""
    ports = folders.ports(folder, PORTS, wanted)
    binary = cache.folder() / _folder_name() / "minio"
    addresses = (f"--address=127.0.0.1:{ports['api']}", f"--console-address=127.0.0.1:{ports['console']}")
    environment = {name: text for name, text in not_ours().items() if not name.startswith("MINIO_")}
    return Program(
        "minio",
        folder,
        (str(binary), "server", *addresses, str(folder / "data")),
        ready=lambda: answers(ports["api"]),
        prepare=lambda: _prepare(folder),
        ports=ports,
        environment={
            **environment,
            **TUNING,
            "MINIO_CONFIG_ENV_FILE": str(folder / "minio.env"),
            "MINIO_UPDATE": "off",
        },
    )


def endpoint(program: Program) -> str:
    """URL of the S3 interface."""
    return f"http://127.0.0.1:{program.ports['api']}"


def console(program: Program) -> str:
    """URL of the object browser."""
    return f"http://127.0.0.1:{program.ports['console']}"


def key_files(program: Program) -> tuple[Path, Path]:
    """Files of the access key and of the secret key."""
    return program.folder / "access_key", program.folder / "secret_key"


def answers(port: int) -> bool:
    """Whether MinIO says that it takes requests: its readiness address, and no note that it is offline."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/minio/health/ready", timeout=2) as answer:
            return bool(answer.status == 200 and answer.headers.get("x-minio-server-status") != "offline")
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _folder_name() -> str:
    return f"minio-{MODULE.rpartition('-')[2]}"


def _build(target: Path) -> None:
    go = cache.tool("go", "builds MinIO", "Go 1.24 or newer, apt-get install -y -t bookworm-backports golang-go")
    settings = {"GOBIN": str(target), "GOFLAGS": "-trimpath -buildvcs=false", "CGO_ENABLED": "0"}
    cache.run("building MinIO", [go, "install", "-ldflags=-s -w", MODULE], settings)


def _prepare(folder: Path) -> None:
    install()
    (folder / "data").mkdir(parents=True, exist_ok=True)
    access, hidden = folders.secret(folder / "access_key", _ACCESS_KEY), folders.secret(folder / "secret_key")
    folders.secret(folder / "minio.env", f'MINIO_ROOT_USER="{access}"\nMINIO_ROOT_PASSWORD="{hidden}"\n')
