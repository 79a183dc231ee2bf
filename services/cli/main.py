"""The ``mailweir`` command. Each sub-command lives in a module of its own, imported only when it is called."""

import os
import signal
import sys
from importlib import import_module
from io import TextIOWrapper

import click

COMMANDS = {
    "demo": ("services.cli.demo", "Sync sample mail from a real IMAP server and show the result."),
    "accounts": ("services.cli.accounts", "Add, list, change and remove mail accounts."),
    "check": ("services.cli.check", "Login doctor: test a connection step by step, with advice."),
    "sync": ("services.cli.sync", "Retrieve everything that is missing, once or for ever."),
    "status": ("services.cli.status", "Completeness per folder, last errors, sign-in state."),
    "ledger": ("services.cli.ledger", "Every known message: where it is and what became of it."),
    "search": ("services.cli.search", "Find messages."),
    "show": ("services.cli.show", "Show one message."),
    "export": ("services.cli.export", "Write messages as .eml, mbox or JSON lines."),
    "parse": ("services.cli.parse", "Parse .eml, mbox, folders or stdin to mail.parsed objects."),
    "console": ("services.cli.console", "The web console; embedded it retrieves mail as well."),
    "users": ("services.cli.users", "Who may sign in to the console, and whose accounts are whose."),
    "dlq": ("services.cli.dlq", "List, show, replay and drop dead letters."),
    "repair": ("services.cli.repair", "Fetch, file and store again what is missing."),
    "reparse": ("services.cli.reparse", "Put stored raw mail through the present parser."),
    "stack": ("services.cli.stack", "Run Kafka, MinIO, Postgres and the services as local processes."),
    "migrate": ("services.cli.jobs", "Bring the database to the present schema."),
    "topics": ("services.cli.jobs", "Create the Kafka topics from schemas/asyncapi.yaml."),
    "secrets": ("services.cli.secrets", "Check and rotate the keys that protect secrets."),
    "run": ("services.cli.run", "Run one service in the foreground."),
}
COMPLETION = "_MAILWEIR_COMPLETE"  # set by the shell when somebody presses Tab
TELL_THEMSELVES = ("run",)  # a service logs which variables it ignores
EPILOG = """Without MAILWEIR_KAFKA everything works embedded, in MAILWEIR_HOME (default ~/.mailweir).

Exit codes: 0 complete, 1 unexpected, 2 usage or configuration, 3 incomplete but explained, 4 sign-in refused,
5 connection or TLS failure; 130 ended by Ctrl-C.

Tab completion: eval "$(_MAILWEIR_COMPLETE=bash_source mailweir)" (or zsh_source, fish_source)."""


class LazyGroup(click.Group):
    """A group that imports a sub-command only when it runs, so that ``--help`` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command object of that name from its module."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mailweir")
@click.pass_context
def cli(context: click.Context) -> None:
    """Mailweir retrieves mail from IMAP servers, read-only and over verified TLS, and proves that none is missing.

    First steps: `mailweir demo`, or `mailweir accounts add ADDRESS`, which asks for the password or authorization code
    (授权码) and tries it, and `mailweir sync`.
    """
    from services.common.environment import unknown

    for line in unknown() if context.invoked_subcommand not in TELL_THEMSELVES else ():
        click.echo(f"mailweir: {line}", err=True)


def main() -> None:
    """Run the command and end with its exit code, or by the signal that interrupts it."""
    from services.cli.interrupts import in_order
    from services.common.collector import settle

    if COMPLETION in os.environ:
        import services.cli.shells  # noqa: F401 (it enters itself)
    settle()  # what is imported stays: looking for garbage in it was an eighth of the CPU time of a start
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal in GBK or Latin-1 cannot show every name
    with in_order(_tell):
        try:
            sys.exit(_run())
        finally:
            _let_go()
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while threads are waited for is the end


def _run() -> int:
    """The exit code of the command; a failure becomes one line on stderr and the code of its class.

    A path that cannot be used is the caller's to change (2); of other failures of the system nothing is known (1).
    """
    from services.cli.terminal import ended
    from services.common.errors import MailweirError

    try:
        return _command()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        click.echo("Aborted!", err=True)
        return 1
    except MailweirError as error:
        _tell(ended(str(error)))
        return error.exit_code
    except BrokenPipeError:
        return 1
    except OSError as error:
        name = error.filename or ("standard output" if _let_go() else "")
        _tell(f"{f'{name}: ' if name else ''}{error.strerror or error}")
        return 2 if error.filename else 1


def _command() -> int:
    """The exit code of the command, once its output has gone where it goes. Raises what stopped either."""
    try:
        code = cli(standalone_mode=False)
    except SystemExit as end:
        code = end.code
    if sys.stdout is not None:
        sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _let_go() -> bool:
    """Drop what standard output does not take; whether there was such.

    Python would try it once more at its end, and end with a code of its own.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _tell(text: str) -> None:
    """A failure's text may hold a stranger's: a name of a file, an answer of a server."""
    from services.front.plain import plain

    click.echo(f"mailweir: {plain(text)}", err=True)


if __name__ == "__main__":
    main()
