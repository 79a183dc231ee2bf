"""The storer against a bare COPY and merge of the same rows, and search: ``python -m benchmarks.storer``.

The bare side writes the same rows of emails, attachments, places and thread references into the same tables with the
same indexes, from text that was made before its clock started, 500 messages a transaction.

``python -m benchmarks.storer 100000`` also fills the database with so many synthetic messages, shows the rate at each
tenth of the way (flat cost per row), counts the rows, and times searches (p95 below 50 ms). With ``--vocabulary`` their
words are as many and as rare as those of real mail: then the search index is most of the work, and no limit is held.
"""

import argparse
import asyncio
import hashlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Engine, text

from benchmarks import vocabulary
from services.common.events import EmailParsed, MessageFetched
from services.common.lookup import Choice, search
from services.common.message.search_text import query_of
from services.common.place import Place
from services.common.settings import read
from services.parser.handlers import parse
from services.storer import app, merging, rows
from services.storer.adapters import PostgresWriter
from services.storer.copying import octets_of
from services.storer.settings import StorerSettings
from services.storer.threads import refs
from tests.databases import connected, running

RATIO, P95_MS = 0.7, 50.0
BATCH, BATCHES, ROUNDS = 500, 6, 3
_WORDS = (Path(__file__).read_text(encoding="utf-8") + "合同 会议 发票 确认 报告 请查收附件 项目进度 付款通知").split()
_START = datetime(2020, 1, 1, tzinfo=UTC)
_LOGGED = text("SELECT CAST(pg_current_wal_lsn() - '0/0' AS float)")
_QUERIES = (
    "合同",
    "付款通知",
    "subject12345",
    "word77",
    "nowhere",
    "meeting nowhere",
    "sender3@example.org",
    "meeting report",
    "附件 项目",
    "p9",
)


def synthetic(count: int, seed: int = 1) -> Iterator[EmailParsed]:
    """Messages of 1 to 6 kB with threads and some attachments, made from a few parsed ones."""
    chance = random.Random(seed)
    templates = asyncio.run(_templates(chance))
    for number in range(count):
        yield _variant(templates[number % len(templates)], number, seed, chance)


def realistic(count: int) -> Iterator[EmailParsed]:
    """The same with 80 to 500 words each of a vocabulary of 200,000, every message parsed by itself."""
    chance = random.Random(7)
    for start in range(0, count, BATCH):
        events = [_fetched(number, chance, vocabulary.text) for number in range(start, min(start + BATCH, count))]
        parsed = asyncio.run(parse(events, open_source=_no_source, inline_limit=900 * 1024))
        mails = [event for event in parsed if isinstance(event, EmailParsed)]
        yield from (_variant(event, start + number, 7, chance) for number, event in enumerate(mails))


def _variant(event: EmailParsed, number: int, seed: int, chance: random.Random) -> EmailParsed:
    sha256 = hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()
    parent = (f"m{number - chance.randrange(1, 50)}.{seed}@example.org",) if number % 3 else None
    subject = f"{chance.choice(_WORDS)} subject{number} word{number % 1000} {chance.choice(_WORDS)}"
    email = replace(
        event.email, id=sha256, message_id=(f"m{number}.{seed}@example.org",), references=parent, in_reply_to=parent,
        subject=subject,
    )  # fmt: skip
    place = replace(event.place, uid=number + 1, folderid=f"f{seed}")
    received = _START + timedelta(seconds=number * 61)
    return replace(event, email=email, place=place, contentsha256=sha256, internaldate=received)


async def _templates(chance: random.Random) -> list[EmailParsed]:
    events = [_fetched(number, chance) for number in range(60)]
    parsed = await parse(events, open_source=_no_source, inline_limit=900 * 1024)
    return [event for event in parsed if isinstance(event, EmailParsed)]


def _no_source(*_: Any) -> Any:
    raise AssertionError


def _few(chance: random.Random, count: int) -> str:
    return " ".join(chance.choices(_WORDS, k=count))


def _fetched(number: int, chance: random.Random, words: Callable[[random.Random, int], str] = _few) -> MessageFetched:
    body = words(chance, chance.randrange(80, 500))
    head = (
        f"From: S {number} <sender{number}@example.org>\r\nTo: bob@example.com\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
    )
    plain = f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    if number % 4 == 0:
        part = f"Content-Type: application/pdf; name=p{number}.pdf\r\nContent-Disposition: attachment\r\n\r\n{body}\r\n"
        plain = f"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{plain}--b\r\n{part}--b--\r\n"
    raw = (head + plain).encode()
    place = Place(account="bench", folder="INBOX", folderid="f", uidvalidity=1, uid=1)
    sha256 = hashlib.sha256(raw).hexdigest()
    return MessageFetched(place=place, contentsha256=sha256, internaldate=_START, size=len(raw), body=raw)


_NEW_REFS = """INSERT INTO thread_refs SELECT account_id, message_id, 1
FROM unnest(%s::text[], %s::text[]) AS named (account_id, message_id) ON CONFLICT (account_id, message_id) DO NOTHING"""
Prepared = tuple[tuple[list[str], list[str]], bytes, bytes, bytes, tuple[list[str], list[str]]]


def _prepared(events: Sequence[EmailParsed]) -> Prepared:
    mails = octets_of([rows.email_row(event) for event in events])
    files = octets_of([row for event in events for row in rows.attachment_rows(event)])
    places = octets_of([rows.place_row(event) for event in events])
    named = sorted({ref for event in events for ref in refs(event)})
    identities = merging.columns([(event.place.account, event.contentsha256) for event in events])
    return identities, mails, files, places, merging.columns(named)


def _bare(cursor: Any, prepared: Prepared) -> None:
    """The database's part alone: the same rows of all four tables, text already, copied and merged."""
    identities, mails, files, places, named = prepared
    cursor.execute(_NEW_REFS, named)
    merging.load(cursor, (merging.EMAILS, mails), (merging.ATTACHMENTS, files), (merging.PLACES, places))
    cursor.execute(merging.EMAILS.merge, (*identities, list(range(len(identities[0])))))
    written = [row[0] for row in cursor.fetchall()]
    cursor.execute(merging.ATTACHMENTS.merge, (written,))
    cursor.execute(merging.PLACES.merge)


async def _bare_rate(writer: PostgresWriter, batches: Sequence[Sequence[EmailParsed]]) -> float:
    prepared = [_prepared(batch) for batch in batches]
    start = time.perf_counter()
    for each in prepared:
        await writer.write(partial(_bare, prepared=each))
    return sum(map(len, batches)) / (time.perf_counter() - start)


async def _storer_rate(writer: PostgresWriter, batches: Sequence[Sequence[EmailParsed]]) -> float:
    store = app.service(read(StorerSettings), app.Ports(writer)).subscriptions[0].handler
    start = time.perf_counter()
    for batch in batches:
        assert not await store(batch)
    return sum(map(len, batches)) / (time.perf_counter() - start)


def _batches(seed: int) -> list[list[EmailParsed]]:
    events = list(synthetic(BATCH * BATCHES, seed))
    return [events[start : start + BATCH] for start in range(0, len(events), BATCH)]


async def compare(engine: Engine) -> dict[str, float]:
    """Best of all rounds, in messages per second, each round on new rows."""
    writer = PostgresWriter(engine)
    pairs = []
    for number in range(ROUNDS):
        bare = await _bare_rate(writer, await asyncio.to_thread(_batches, 10 + number))
        pairs.append((bare, await _storer_rate(writer, await asyncio.to_thread(_batches, 50 + number))))
    bare, storer = (max(side) for side in zip(*pairs, strict=True))
    return {"bare_rows_s": round(bare), "storer_rows_s": round(storer), "ratio": round(storer / bare, 2)}


async def fill(engine: Engine, count: int, source: Iterator[EmailParsed]) -> dict[str, Any]:
    """Store so many messages; the rate of each tenth, the log that each takes, and whether every row is there."""
    writer, rates = PostgresWriter(engine), []
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE emails, email_places, thread_refs CASCADE"))
        before = connection.execute(_LOGGED).scalar_one()
    for _ in range(10):
        events = await asyncio.to_thread(lambda: [next(source) for _ in range(count // 10)])
        parts = [events[start : start + BATCH] for start in range(0, len(events), BATCH)]
        rates.append(round(await _storer_rate(writer, parts)))
    with engine.connect() as connection:
        counted = connection.execute(text("SELECT count(*), (SELECT count(*) FROM email_places) FROM emails")).one()
        log = (connection.execute(_LOGGED).scalar_one() - before) / count / 1024
        connection.execute(text("ANALYZE emails, email_places"))
        connection.commit()
    exact = tuple(counted) == (count, count)
    return {"messages": count, "exact": exact, "rates_by_tenth": rates, "log_kb_message": round(log, 1)}


def search_times(engine: Engine) -> dict[str, float]:
    """p50 and p95 of searches in milliseconds, each query twenty times."""
    times = []
    for _ in range(20):
        for query in _QUERIES:
            start = time.perf_counter()
            search(engine, Choice(query=query_of(query)), 20)
            times.append((time.perf_counter() - start) * 1000)
    return {
        "search_p50_ms": round(statistics.median(times), 1),
        "search_p95_ms": round(sorted(times)[int(len(times) * 0.95)], 1),
    }


def main() -> int:
    """Print the figures as JSON; 1 when one is below its limit."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.storer", description=__doc__)
    arguments.add_argument("count", type=int, nargs="?", default=0)
    arguments.add_argument("--vocabulary", action="store_true")
    given = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="mailweir-bench-") as folder,
        running(Path(folder)) as url,
        connected(url) as engine,
    ):
        result: dict[str, Any] = {} if given.vocabulary else asyncio.run(compare(engine))
        if given.count:
            source = realistic(given.count) if given.vocabulary else synthetic(given.count, 7)
            result |= asyncio.run(fill(engine, given.count, source)) | search_times(engine)
    print(json.dumps(result))
    good = result.get("ratio", 1) >= RATIO and result.get("exact", True)
    return 0 if good and (given.vocabulary or result.get("search_p95_ms", 0) < P95_MS) else 1


if __name__ == "__main__":
    sys.exit(main())
