"""Several components together: for tests, for benchmarks, and for ``mailweir stack``.

with cluster.running({"kafka", "postgres"}, home=tmp_path) as components:
components.environment()  # MAILWEIR_KAFKA, MAILWEIR_DATABASE_URL_FILE
components.kill("kafka"); components.start("kafka")
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infra.local import dovecot, kafka, minio, postgres, program
from infra.local.program import Program
from services.common.errors import ConfigurationError, MailweirError

NAMES = ("kafka", "minio", "postgres", "dovecot")
PURPOSES = {"kafka": kafka.PORTS, "minio": minio.PORTS, "postgres": postgres.PORTS, "dovecot": dovecot.PORTS}
BUCKET = "mailweir"
Ports = Mapping[str, Mapping[str, int]]
Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Components below ``home``, by name. Credentials lie in files there; see also README.md beside this module."""

    home: Path
    programs: Mapping[str, Program]

    @property
    def kafka(self) -> str:
        """Bootstrap servers."""
        return kafka.bootstrap(self.programs["kafka"])

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of Postgres, with its password."""
        return postgres.url_file(self.programs["postgres"]).read_text()

    @property
    def s3_endpoint(self) -> str:
        """URL of MinIO."""
        return minio.endpoint(self.programs["minio"])

    @property
    def s3_console(self) -> str:
        """URL of MinIO's object browser."""
        return minio.console(self.programs["minio"])

    @property
    def s3_keys(self) -> tuple[str, str]:
        """Access key and secret key of MinIO."""
        access, hidden = minio.key_files(self.programs["minio"])
        return access.read_text(), hidden.read_text()

    @property
    def imap(self) -> Program:
        """Dovecot: ``ports`` imap (STARTTLS) and imaps, ``folder`` for the functions of ``infra.local.dovecot``."""
        return self.programs["dovecot"]

    def environment(self) -> dict[str, str]:
        """The variables of docs/settings.md for the components that are here, secrets as ``..._FILE``."""
        found = {"MAILWEIR_HOME": str(self.home)}
        if "postgres" in self.programs:
            found["MAILWEIR_DATABASE_URL_FILE"] = str(postgres.url_file(self.programs["postgres"]))
        if "kafka" in self.programs:
            found["MAILWEIR_KAFKA"] = self.kafka
        if "minio" in self.programs:
            access, hidden = minio.key_files(self.programs["minio"])
            found |= {"MAILWEIR_S3_ENDPOINT": self.s3_endpoint, "MAILWEIR_S3_BUCKET": BUCKET}
            found |= {"MAILWEIR_S3_ACCESS_KEY_FILE": str(access), "MAILWEIR_S3_SECRET_KEY_FILE": str(hidden)}
        return found

    def start(self, name: str) -> None:
        """Start a component that was stopped or killed; returns when it is ready."""
        program.start(self.programs[name])

    def stop(self, name: str) -> None:
        """Stop a component in its orderly way."""
        program.stop(self.programs[name])

    def restart(self, name: str) -> None:
        """Stop and start a component; its ports and data stay."""
        self.stop(name)
        self.start(name)

    def kill(self, name: str) -> None:
        """SIGKILL to a component and all its children."""
        program.kill(self.programs[name])

    def pause(self, name: str) -> None:
        """SIGSTOP: it keeps its connections and says nothing."""
        program.pause(self.programs[name])

    def resume(self, name: str) -> None:
        """Undo :meth:`pause`."""
        program.resume(self.programs[name])


def _check_ports(names: Collection[str], given: Ports) -> None:
    known = [f"{name}.{purpose}" for name in NAMES if name in names for purpose in PURPOSES[name]]
    unknown = sorted({f"{name}.{purpose}" for name, ports in given.items() for purpose in ports} - set(known))
    if unknown:
        raise ConfigurationError(f"no port is called {', '.join(unknown)}; there are {', '.join(known)}")


def describe(
    names: Collection[str], home: Path, ports: Ports | None = None, imap: dovecot.Options | None = None
) -> Cluster:
    """The components ``names`` in folders below ``home``; nothing is started.

    Raises:
        ConfigurationError: an unknown name, of a component or a port, or a file of ports that is unreadable.

    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise ConfigurationError(f"no component is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    _check_ports(names, ports or {})
    home.mkdir(parents=True, exist_ok=True)
    home = home.resolve()
    makers = {"kafka": kafka.program, "minio": minio.program, "postgres": postgres.program}
    makers["dovecot"] = partial(dovecot.program, options=imap)
    return Cluster(home, {name: makers[name](home / name, (ports or {}).get(name)) for name in NAMES if name in names})


def install(names: Collection[str]) -> None:
    """Fetch and build what the components need; takes minutes the first time, nothing later."""
    steps = {"kafka": kafka.install, "minio": minio.install, "postgres": postgres.install, "dovecot": dovecot.install}
    _together([steps[name] for name in NAMES if name in names])


def start(components: Cluster, report: Report = lambda name, state: None) -> None:
    """Start all at once; ``report(name, state)`` is called from threads. What did start stays up when one fails.

    Raises:
        MailweirError: the first failure, with the texts of all.

    """

    def one(wanted: Program) -> None:
        report(wanted.name, "starting")
        fresh = program.start(wanted)
        report(wanted.name, "started" if fresh else "runs already")

    _together([partial(one, wanted) for wanted in components.programs.values()])


def stop(components: Cluster) -> None:
    """Stop all at once."""
    _together([partial(program.stop, running) for running in components.programs.values()])


@contextmanager
def running(
    names: Collection[str], home: Path, ports: Ports | None = None, imap: dovecot.Options | None = None
) -> Iterator[Cluster]:
    """Components that run while the block does. Data and ports stay in ``home`` for a next time."""
    components = describe(names, home, ports, imap)
    try:
        start(components)
        yield components
    finally:
        stop(components)


def _together(steps: list[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(max(1, len(steps))) as threads:
        tasks = [threads.submit(step) for step in steps]
    failures = [_explained(error) for task in tasks if (error := task.exception()) is not None]
    if failures:
        raise type(failures[0])("; ".join(map(str, failures))) from failures[0]


def _explained(failure: BaseException) -> MailweirError:
    """The failure in one line; an unexpected one is raised as it is."""
    if isinstance(failure, OSError):
        return ConfigurationError(f"{failure.filename or 'the machine'}: {failure.strerror or type(failure).__name__}")
    if not isinstance(failure, MailweirError):
        raise failure
    return failure
