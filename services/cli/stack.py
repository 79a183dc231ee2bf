"""``mailweir stack``: real Kafka, MinIO, Postgres, a test Dovecot and the services as processes of this machine."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from services.cli import offered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.shell_completion import CompletionItem

    from infra.local.cluster import Report
    from infra.local.stack import Stack


def _offered(context: click.Context, parameter: click.Parameter, typed: str) -> "list[CompletionItem]":
    """Names of components, for logs also of services, after Tab."""
    from infra.local import cluster
    from infra.local import stack as local

    services = local.SERVICES if parameter.name == "name" else ()
    return offered.words(*cluster.NAMES, *services)(context, parameter, typed)


@click.group()
def stack() -> None:
    """Run Kafka, MinIO, Postgres and the services as local processes.

    Everything lies below MAILWEIR_HOME/stack, with ports of 127.0.0.1 that stay the same.
    """


@stack.command()
@click.option(
    "--only",
    metavar="NAMES",
    shell_complete=_offered,
    help="Components, with commas between: kafka, minio, postgres, dovecot.",
)
@click.option("--no-services", is_flag=True, help="Components and their set-up only.")
@click.option("--port", "ports", multiple=True, metavar="NAME.PURPOSE=N", help="For example kafka.broker=9092.")
def up(only: str | None, ports: tuple[str, ...], *, no_services: bool) -> None:
    """Start what does not run yet; a second time it takes seconds."""
    from infra.local import cluster
    from infra.local import stack as local

    names = _names(only)
    wanted = _described(names, _ports(ports))
    show = _progress()
    show("tools", f"fetching and building what is missing (minutes, once) for {', '.join(names)}")
    cluster.install(names)
    cluster.start(wanted.cluster, show)
    for job, result in local.set_up(wanted).items():
        show(job, result)
    for line in _accounts(wanted):
        show("accounts", line)
    if wanted.services and not no_services:
        local.start_services(wanted, show)
    _show(wanted)
    click.echo('Join it with: eval "$(mailweir stack env)"', err=True)


@stack.command()
def down() -> None:
    """Stop services, then components, cleanly; data stay."""
    from infra.local import stack as local

    local.stop(local.require(_home()), _progress())


@stack.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
def status(*, as_json: bool) -> None:
    """Show endpoints, files of credentials, pids and health. Exit code 1 when something does not run."""
    from infra.local import stack as local
    from services.front import plain

    found = local.require(_home())
    if as_json:
        click.echo(plain.indented(_facts(found)))
    else:
        _show(found)
    lines = local.trouble(found)
    for line in lines:
        click.echo(f"mailweir: {line}", err=True)
    sys.exit(1 if lines else 0)


@stack.command()
def env() -> None:
    """Print export lines with which a shell joins the stack."""
    import shlex

    from infra.local import stack as local

    found = local.require(_home())
    for name, text in sorted(local.environment(found.home, found.cluster).items()):
        click.echo(f"export {name}={shlex.quote(text)}")


@stack.command()
@click.argument("name", required=False, shell_complete=_offered)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes.")
@click.option("--lines", "-n", type=click.IntRange(0), default=50, show_default=True, help="Last lines of each log.")
def logs(name: str | None, lines: int, *, follow: bool) -> None:
    """Logs of all, or of the component or service NAME."""
    from infra.local import stack as local
    from services.cli.stack_logs import follow as go_on
    from services.cli.stack_logs import last

    found = {one.name: one.log_file for one in local.require(_home()).programs}
    if name is not None and name not in found:
        raise click.BadParameter(f"no {name!r}; there are {', '.join(found)}", param_hint="NAME")
    chosen = {name: found[name]} if name else found
    offsets = {one: last(one, path, lines, named=name is None) for one, path in chosen.items()}
    if follow:
        go_on(chosen, offsets, named=name is None)


def _progress() -> "Report":
    """Tells what happens, with seconds since now, as lines on stderr."""
    start = time.monotonic()
    return lambda name, text: click.echo(f"{time.monotonic() - start:6.1f} s  {name:12} {text}", err=True)


def _home() -> Path:
    from services.common.settings import load

    return load().home_path


def _accounts(found: "Stack") -> "Iterator[str]":
    """Apply MAILWEIR_ACCOUNTS_FILE, when it is set, to the stack's database."""
    import os

    from infra.local import stack as local
    from services.cli.accounts_file import VARIABLE, apply_file
    from services.common.accounts.store import open_accounts
    from services.common.database import engine_for

    if not os.environ.get(VARIABLE) or "postgres" not in found.cluster.programs:
        return
    engine = engine_for(found.cluster.database_url)
    try:
        yield from apply_file(open_accounts(engine, found.home, local.environment(found.home, found.cluster)), None)
    finally:
        engine.dispose()


def _names(only: str | None) -> list[str]:
    import os

    from infra.local import cluster

    if only:
        return [name.strip() for name in only.split(",") if name.strip()]
    if os.geteuid() != 0:
        click.echo("without root there is no test Dovecot; the rest starts", err=True)
        return [name for name in cluster.NAMES if name != "dovecot"]
    return list(cluster.NAMES)


def _ports(texts: tuple[str, ...]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for text in texts:
        name, dot, rest = text.partition(".")
        purpose, equals, number = rest.partition("=")
        if not (dot and equals and number.isdigit() and 0 < int(number) < 65536):
            raise click.BadParameter(f"{text!r} is not NAME.PURPOSE=N, for example kafka.broker=9092")
        found.setdefault(name, {})[purpose] = int(number)
    return found


def _described(names: list[str], ports: dict[str, dict[str, int]]) -> "Stack":
    """The stack to start; new ports only for what does not run."""
    from infra.local import program
    from infra.local import stack as local
    from services.common.errors import ConfigurationError

    before = local.describe(_home(), set(local.present(_home())) & set(names))
    for name in ports:
        if name in before.cluster.programs and program.running(before.cluster.programs[name]):
            raise ConfigurationError(f"{name} runs already; to change its ports, first: mailweir stack down")
    return local.describe(_home(), names, ports)


def _facts(found: "Stack") -> dict[str, object]:
    from infra.local import program
    from infra.local import stack as local

    def facts(one: program.Program) -> dict[str, object]:
        process = program.running(one)
        return {"state": program.state(one), "pid": process.pid if process else None, "log": str(one.log_file)}

    components = {
        name: facts(one) | {"endpoints": local.endpoints(one), "credentials": local.credentials(one)}
        for name, one in found.cluster.programs.items()
    }
    services = {
        name: facts(one) | {"health": local.health_of(found, one), "endpoints": local.endpoints(one)}
        for name, one in found.services.items()
    }
    return {"home": str(found.home), "components": components, "services": services}


def _show(found: "Stack") -> None:
    from infra.local import program
    from infra.local import stack as local

    for one in found.programs:
        process = program.running(one)
        where = "  ".join(f"{purpose} {address}" for purpose, address in local.endpoints(one).items())
        click.echo(f"{one.name:12} {program.state(one):8} {process.pid if process else '-':>8}  {where}".rstrip())
    for one in found.cluster.programs.values():
        for kind, path in local.credentials(one).items():
            for user, file in path.items() if isinstance(path, dict) else [("", path)]:
                click.echo(f"{one.name:12} {kind}: {f'{user} {file}'.strip()}")
