"""Every named server through the real commands, each a process: ``python -m tests.integration.poller.command_plays``.

One home with one embedded Postgres, one account per scenario: ``accounts add``, ``sync`` (twice where the scenario
changes something between two runs), then ``status --json`` and ``ledger --json`` of all of them. Arguments choose
scenarios by name. Prints a line per scenario, and ends with 1 when one of them failed.
"""

import asyncio
import hashlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.common.place import wire_text
from services.common.postgres import embedded_postgres
from tests.fakes import imap_variants, imap_variants_more, imap_variants_sly  # noqa: F401 (add their scenarios)
from tests.fakes.imap_model import PASSWORD, Script
from tests.fakes.imap_scenarios import SCENARIOS, Scenario
from tests.fakes.imap_server import Server, serve

AT_ONCE = 4
LONGEST = 30.0
QUICK = ("command_timeout=2", "backoff_base=0.05", "login_min_interval=0")
USER = "user@example.com"
Line = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """One command that ended."""

    code: int
    out: str
    err: str
    seconds: float


@dataclass(frozen=True)
class Played:
    """A scenario with what its last sync said, what the server saw, and the SHA-256 of all mail it ever had."""

    name: str
    scenario: Scenario
    server: Server
    sync: Done
    contents: frozenset[str]


async def command(home: Path, *arguments: str, stdin: str = "") -> Done:
    """Run ``mailweir`` to its end; one that hangs is killed and its code is -9."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAILWEIR_")}
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli.main",
        *arguments,
        env=environment | {"MAILWEIR_HOME": str(home)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    talk = asyncio.ensure_future(process.communicate(stdin.encode()))
    await asyncio.wait({talk}, timeout=LONGEST * AT_ONCE)
    if not talk.done():
        process.kill()
    out, err = await talk
    return Done(process.returncode or 0, out.decode(), err.decode(), time.monotonic() - started)


async def play_all(names: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """What is wrong with each scenario; an empty list: nothing."""
    home = folder / "home"
    first = await command(home, "migrate")
    assert first.code == 0, first.err
    turns = asyncio.Semaphore(AT_ONCE)

    async def play(number: int, name: str) -> Played:
        async with turns:
            return await _play(home, folder / f"s{number}", name)

    played = await asyncio.gather(*(play(number, name) for number, name in enumerate(names)))
    status, ledger = await command(home, "status", "--json"), await command(home, "ledger", "--json")
    await asyncio.to_thread(embedded_postgres.stop, home)
    assert (status.code, ledger.code) == (0, 0), status.err + ledger.err
    accounts = {each["account"]: each for each in json.loads(status.out)}
    lines: dict[str, list[Line]] = {}
    for line in map(json.loads, ledger.out.splitlines()):
        lines.setdefault(line["account"], []).append(line)
    return {one.name: wrong(one, accounts[slug(one.name)], lines.get(slug(one.name), [])) for one in played}


def slug(name: str) -> str:
    """The account of a scenario."""
    return name.replace("_", "-")


async def _play(home: Path, folder: Path, name: str) -> Played:
    scenario = SCENARIOS[name]()
    await asyncio.to_thread(folder.mkdir)
    async with serve(scenario.script, folder) as server:
        settings = [part for pair in QUICK for part in ("--set", pair)]
        where = ["--host", "localhost", "--port", str(server.port), "--tls", scenario.script.tls]
        more = ["--ca-file", str(server.ca_file), "--user", USER, "--secret-file", "-", *scenario.options]
        added = await command(home, "accounts", "add", slug(name), *where, *more, *settings, stdin=PASSWORD)
        assert added.code == 0, f"{name}: {added.err}"
        sync = await command(home, "sync", slug(name))
        contents = _contents(scenario.script)
        for change in filter(None, (scenario.between, scenario.then)):
            change(scenario.script)
            contents |= _contents(scenario.script)
            sync = await command(home, "sync", slug(name))
        return Played(name, scenario, server, sync, contents)


def wrong(played: Played, status: Line, lines: Sequence[Line]) -> list[str]:
    """Everything that is not as the scenario wants it."""
    return [*_ending(played), *_completeness(played, status), *_places(played, lines), *_manners(played, lines)]


def _ending(played: Played) -> list[str]:
    done, found = played.sync, []
    if done.code not in played.scenario.exits:
        found.append(f"exit code {done.code}: {done.out[-300:]} {done.err[-500:]}")
    if done.code and not (done.out + done.err).strip():
        found.append(f"exit code {done.code} without a word")
    if "Traceback" in done.err:
        found.append(done.err[-1500:])
    if done.seconds > LONGEST:
        found.append(f"took {done.seconds:.1f} s")
    return found


def _completeness(played: Played, status: Line) -> list[str]:
    missing = sum(folder["missing"] + folder["pending"] for folder in status["folders"])
    barred = sum(folder["quarantined"] for folder in status["folders"])
    state, found = status["signin"]["state"], []
    if played.sync.code == 0 and (missing or barred):
        found.append(f"exit code 0 with {missing} missing, {barred} in quarantine")
    if state not in played.scenario.state:
        found.append(f"sign-in {state}: {status['signin']}")
    if state != "ok" and not status["signin"]["advice"]:
        found.append(f"sign-in {state} without advice")
    return found


def _places(played: Played, lines: Sequence[Line]) -> list[str]:
    stored = {(line["wire"], line["uid"]) for line in lines if line["state"] == "stored"}
    barred = {(line["wire"], line["uid"]) for line in lines if line["state"] == "quarantined"}
    found = []
    if stored != (wanted := _texts(played.scenario.expected())):
        lost, extra = sorted(wanted - stored)[:5], sorted(stored - wanted)[:5]
        found.append(f"{len(stored)} stored, {len(wanted)} expected; lost {lost}, too many {extra}")
    if barred != (wanted := _texts(played.scenario.quarantined)):
        found.append(f"in quarantine {sorted(barred)[:5]}, expected {sorted(wanted)[:5]}")
    if any(line["state"] == "quarantined" and not line["reason"] for line in lines):
        found.append("quarantine without a reason")
    now = _now(played.scenario.script)
    kept = [line for line in lines if line["state"] == "stored"]
    wrong_ones = [line["uid"] for line in kept if line["contentsha256"] != now.get(_key(line), line["contentsha256"])]
    found += [f"other mail than the server has under {wrong_ones[:5]}"] * bool(wrong_ones)
    strange = [
        line["uid"] for line in lines if line["state"] == "stored" and line["contentsha256"] not in played.contents
    ]
    return [*found, *([f"stored octets that the server never had: {strange[:5]}"] if strange else [])]


def _key(line: Line) -> tuple[str, int, int]:
    return line["wire"], line["uidvalidity"], line["uid"]


def _now(script: Script) -> dict[tuple[str, int, int], str]:
    """SHA-256 of what the server has at the end, by place."""
    return {
        (wire_text(wire), box.uidvalidity or 0, message.uid): hashlib.sha256(message.raw).hexdigest()
        for wire, box in script.mailboxes.items()
        for message in box.messages
    }


def _texts(places: set[tuple[bytes, int]]) -> set[tuple[str, int]]:
    return {(wire_text(wire), uid) for wire, uid in places}


def _contents(script: Script) -> frozenset[str]:
    return frozenset(hashlib.sha256(m.raw).hexdigest() for box in script.mailboxes.values() for m in box.messages)


def _manners(played: Played, lines: Sequence[Line]) -> list[str]:
    times = Counter((line["folder"], line["wire"], line["uidvalidity"], line["uid"]) for line in lines)
    said = played.sync.out + played.sync.err + json.dumps(lines)
    found = [f"place {place} told {count} times" for place, count in times.items() if count > 1]
    found += [f"command outside the list: {line}" for line in played.server.forbidden()[:3]]
    return [*found, *(["the secret is shown"] if PASSWORD in said else [])]


def main() -> int:
    """Play the named scenarios, or all."""
    names = sys.argv[1:] or list(SCENARIOS)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = asyncio.run(play_all(names, Path(folder)))
    for name, faults in found.items():
        print(f"{'FAILED' if faults else 'ok':7}{name}", *faults, sep="\n        ")
    failed = [name for name, faults in found.items() if faults]
    print(f"{len(found) - len(failed)} of {len(found)} scenarios as wanted")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
