"""The pages of the console on a large database: ``python -m benchmarks.console``.

200 accounts with 20 folders each, 30 messages in every folder (120,000 places), as one owner sees them: the overview
and an account's folders within 200 ms, the page for the sign-in within 100 ms and, with all that it loads, below
150,000 octets as sent (gzip). Times are those of a client on loopback, the 95th percentile of one run counts.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
from sqlalchemy import Engine

from infra import assets
from services.console import ownership, users
from tests.databases import connected, running
from tests.integration.console.cast import Cast, cast
from tests.integration.console.seeds import seed

ACCOUNTS, FOLDERS, MAIL, ROUNDS = 200, 20, 30, 40
MOST_MS = {"/signin": 100.0, "/": 200.0, "/?number=10": 200.0, "/accounts/many-100/progress": 200.0, "/accounts": 200.0}
MOST_OCTETS = 150_000


def run() -> dict[str, object]:
    """Median and 95th percentile of each page in milliseconds, and the octets of the first page as sent."""
    assets.build()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with running(home) as url, connected(url) as engine, cast(engine, home) as people:
            _fill(engine)
            result = {path: _timed(people, path) for path in MOST_MS}
            return {**result, "first_page_octets": _octets(people)}


def _fill(engine: Engine) -> None:
    slugs = [f"many-{number:03}" for number in range(ACCOUNTS)]
    seed(engine, slugs, folders=FOLDERS, mail=MAIL)
    owner = users.get(engine, "owner")
    for slug in slugs:
        ownership.own(engine, owner, slug)


def _timed(people: Cast, path: str) -> dict[str, float]:
    client = people.nobody if path == "/signin" else people.owner
    took = sorted(_milliseconds(client, path) for _ in range(ROUNDS))
    p95 = took[-(-ROUNDS * 95 // 100) - 1]
    return {"median_ms": round(statistics.median(took), 1), "p95_ms": round(p95, 1)}


def _milliseconds(client: httpx.Client, path: str) -> float:
    start = time.perf_counter()
    client.get(path).raise_for_status()
    return (time.perf_counter() - start) * 1000


def _octets(people: Cast) -> int:
    page = people.nobody.get("/signin").text
    names = [f"/static/{name}" for name in assets.BUILT if name in page]
    return sum(_sent(people.nobody, path) for path in ("/signin", *names))


def _sent(client: httpx.Client, path: str) -> int:
    with client.stream("GET", path, headers={"accept-encoding": "gzip"}) as response:
        return sum(len(chunk) for chunk in response.iter_raw())


def within(result: dict[str, object]) -> bool:
    """Whether every page keeps its time and the first one its size."""
    pages = [result[path] for path in MOST_MS]
    quick = all(
        isinstance(page, dict) and page["p95_ms"] < most for page, most in zip(pages, MOST_MS.values(), strict=True)
    )
    return quick and isinstance(octets := result["first_page_octets"], int) and octets < MOST_OCTETS


if __name__ == "__main__":
    found = run()
    print(json.dumps(found))
    sys.exit(0 if within(found) else 1)
