"""The whole stack below ``MAILWEIR_HOME``: components, the jobs that set them up, services, and who restarts those."""

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infra.local import cluster, dovecot, folders, minio, processes, program
from infra.local.cluster import Cluster, Report
from infra.local.program import Program
from services.common import health
from services.common.accounts import master_key
from services.common.errors import Unavailable
from services.common.postgres import migrations
from services.common.runtime.kafka import topics_admin
from services.common.stores.s3 import S3Store, connect

CONSOLE = "console"
SERVICES = ("attachments", "storer", "parser", "poller", CONSOLE)  # consumers first, so that nothing has to catch up
KEEPER = "keeper"
_SHARED = ("DATABASE_URL", "KAFKA", "S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY", "MASTER_KEY", "HOME")
_STOP_SECONDS = 55.0  # beyond twice the stop grace of the services: a running batch ends, then the group is left


@dataclass(frozen=True, slots=True)
class Stack:
    """Components, and services by name with the keeper among them; ``home`` is MAILWEIR_HOME."""

    home: Path
    cluster: Cluster
    services: Mapping[str, Program]

    @property
    def programs(self) -> list[Program]:
        """Everything that runs."""
        return [*self.cluster.programs.values(), *self.services.values()]


def folder_of(home: Path) -> Path:
    """Where the stack of a home keeps all it has."""
    return home / "stack"


def present(home: Path) -> list[str]:
    """The components that were ever started in this home."""
    return [name for name in cluster.NAMES if (folder_of(home) / name / "ports.json").exists()]


def describe(home: Path, names: Collection[str], ports: cluster.Ports | None = None) -> Stack:
    """The stack of ``home`` with the components ``names``; services only where all that they need is among them."""
    components = cluster.describe(names, folder_of(home), ports)
    home = components.home.parent
    if not {"kafka", "minio", "postgres"} <= set(names):
        return Stack(home, components, {})
    services = {name: _service(home, name, environment(home, components)) for name in SERVICES}
    return Stack(home, components, services | {KEEPER: _keeper(home)})


def environment(home: Path, components: Cluster) -> dict[str, str]:
    """The variables of docs/settings.md, secrets as ``..._FILE``, with which any program joins the stack."""
    log = os.environ.get("MAILWEIR_LOG") or "info"
    found = components.environment() | {"MAILWEIR_HOME": str(home), "MAILWEIR_LOG": log}
    return found | {"MAILWEIR_MASTER_KEY_FILE": str(folder_of(home) / master_key.FILE_NAME)}


def set_up(stack: Stack) -> dict[str, str]:
    """The one-shot jobs: topics, tables, bucket, master key. Idempotent; what each did, in words."""
    components, done = stack.cluster, {}
    folders.secret(folder_of(stack.home) / master_key.FILE_NAME, master_key_text())
    if "kafka" in components.programs:
        changes = asyncio.run(topics_admin.create(components.kafka))
        done["topics"] = f"created {len(changes.created)}" if changes.created else str(changes)
    if "postgres" in components.programs:
        done["tables"] = "brought up to date" if migrations.upgrade(components.database_url) else "up to date"
    if "minio" in components.programs:
        store = S3Store(connect(components.s3_endpoint, *components.s3_keys), cluster.BUCKET)
        done["bucket"] = "created" if store.ensure_bucket() else "there"
    return done


def master_key_text() -> str:
    """A new master key as text."""
    return base64.b64encode(os.urandom(32)).decode() + "\n"


def start_services(stack: Stack, report: Report) -> None:
    """Start services that do not run, all at once, then their keeper; return when all are healthy."""
    services = Cluster(stack.cluster.home, {name: stack.services[name] for name in SERVICES})
    cluster.start(services, report)
    program.start(stack.services[KEEPER])


def stop(stack: Stack, report: Report) -> None:
    """Stop the keeper, the services, the components, in this order."""
    for group in ([KEEPER], SERVICES, stack.cluster.programs):
        found = {one.name: one for one in stack.programs if one.name in group}
        cluster.stop(Cluster(stack.cluster.home, found))
        for name in found:
            report(name, "stopped")


def credentials(wanted: Program) -> dict[str, object]:
    """Files that hold the credentials of a component."""
    folder = wanted.folder
    if wanted.name == "postgres":
        return {"database_url": str(folder / "database_url"), "password": str(folder / "password")}
    if wanted.name == "minio":
        access, hidden = minio.key_files(wanted)
        return {"access_key": str(access), "secret_key": str(hidden)}
    if wanted.name == "dovecot":
        users = {user: str(dovecot.password_file(folder, user)) for user in dovecot.USERS}
        return {"ca_file": str(dovecot.ca_file(folder)), "users": users}
    return {}


def endpoints(wanted: Program) -> dict[str, str]:
    """Where a component is reached."""
    ports = wanted.ports
    if wanted.name == "kafka":
        return {"bootstrap": f"127.0.0.1:{ports['broker']}"}
    if wanted.name == "minio":
        return {"s3": minio.endpoint(wanted), "console": minio.console(wanted)}
    if wanted.name == "postgres":
        return {"postgres": f"127.0.0.1:{ports['postgres']}"}
    if wanted.name == "dovecot":
        return {"imaps": f"{dovecot.HOST}:{ports['imaps']}", "imap_starttls": f"{dovecot.HOST}:{ports['imap']}"}
    if wanted.name == CONSOLE:
        return {"pages": f"http://127.0.0.1:{ports['pages']}"}
    return {}


def _service(home: Path, name: str, shared: Mapping[str, str]) -> Program:
    folder = folder_of(home) / name
    ports = folders.ports(folder, ["pages"]) if name == CONSOLE else {}
    where = {"MAILWEIR_CONSOLE_PORT": str(ports["pages"])} if ports else {}
    return Program(
        name,
        folder,
        (sys.executable, "-m", f"services.{name}"),
        ready=partial(_healthy, health.path_of(home, name), folder / f"{name}.pid"),
        ports=ports,
        environment={**_kept(), **shared, **where},
        start_seconds=90,
        stop_seconds=_STOP_SECONDS,
    )


def _keeper(home: Path) -> Program:
    command = (sys.executable, "-m", "infra.local.keeper", str(home))
    return Program(KEEPER, folder_of(home) / KEEPER, command, ready=lambda: True, environment=_kept())


def _kept() -> dict[str, str]:
    """The caller's variables without those that the stack sets itself, secrets among them."""
    dropped = {f"MAILWEIR_{variable}{end}" for variable in _SHARED for end in ("", "_FILE")}
    return {variable: text for variable, text in os.environ.items() if variable not in dropped}


def _healthy(heartbeat: Path, pid_file: Path) -> bool:
    """A fresh green heartbeat of this very process, not of one before it."""
    process = processes.recorded(pid_file)
    if process is None or health.verdict(heartbeat, health.MAX_AGE, time.time()) is not None:
        return False
    return bool(json.loads(heartbeat.read_text())["pid"] == process.pid)


def trouble(stack: Stack) -> list[str]:
    """One line for everything that ended by itself or does not answer; one line for all when nothing was started."""
    states = {one.name: program.state(one) for one in stack.programs}
    if set(states.values()) == {"stopped"}:
        return [f"nothing of the stack in {folder_of(stack.home)} runs; start it: mailweir stack up"]
    found = []
    for one in stack.programs:
        state = states[one.name]
        if state == "dead":
            found.append(f"{one.name} ended by itself: {program.last_line(one)} (log: {one.log_file})")
        elif state == "unready":
            found.append(f"{one.name} runs but is not ready: {_reason(stack, one)} (log: {one.log_file})")
    return found


def health_of(stack: Stack, one: Program) -> str:
    """``green``, or why a service is not; the keeper has no health of its own."""
    if not program.running(one):
        return "does not run"
    if one.name not in SERVICES:
        return "green"
    return health.verdict(health.path_of(stack.home, one.name), health.MAX_AGE, time.time()) or "green"


def _reason(stack: Stack, one: Program) -> str:
    if one.name in SERVICES:
        why = health_of(stack, one)
        return "it has just started" if why == "green" else why
    return program.last_line(one)


def require(home: Path) -> Stack:
    """The stack of a home. Raises Unavailable when none was ever started there."""
    names = present(home)
    if not names:
        raise Unavailable(f"there is no stack in {folder_of(home)}; start one: mailweir stack up")
    return describe(home, names)
