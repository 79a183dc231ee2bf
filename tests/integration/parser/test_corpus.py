"""The whole shared corpus: invariants of every message, its expectations, and other parsers by majority."""

import logging
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path

import pytest

from services.parser.mime import parse_message
from tests.corpus_mail import messages_of_all_kinds
from tests.expectations import Finding, mime4j_findings, stalwart_findings, zbateson_findings
from tests.mail_invariants import check_streamed, checked
from tests.oracles import FIELDS, ours, votes

SHARES = 6
CLASSIC = 340
LISTED = Path(__file__).parents[2] / "corpus" / "disagreements.toml"
FINDINGS = {"stalwart": stalwart_findings, "mime4j": mime4j_findings, "zbateson": zbateson_findings}


@cache
def disagreements(source: str, *, always: bool = False) -> frozenset[tuple[str, str]]:
    """(message, field) of one source; every group has its reason. ``always``: whatever the version of Python's own."""
    groups = tomllib.loads(LISTED.read_text("utf-8"))["disagreement"]
    assert all(len(group["reason"]) > 20 for group in groups)
    listed = [group for group in groups if group["source"] == source and not (always and group.get("varies"))]
    return frozenset((name, group["field"]) for group in listed for name in group["messages"])


@pytest.mark.parametrize("share", range(SHARES))
def test_every_message_keeps_the_invariants(share: int) -> None:
    for number, raw in enumerate(islice(messages_of_all_kinds(), share, None, SHARES)):
        parsed = checked(raw)
        if number % 4 == 0:
            check_streamed(raw, parsed)


@pytest.mark.parametrize("source", FINDINGS)
def test_expectations_hold_but_for_the_listed_ones(source: str) -> None:
    found = {(finding[0], finding[1]): finding for finding in FINDINGS[source]()}
    unlisted: list[Finding] = [found[key] for key in sorted(found.keys() - disagreements(source))]
    assert not unlisted
    assert not disagreements(source) - found.keys(), "listed, but gone"


def test_the_majority_of_other_parsers_agrees_but_for_the_listed_ones() -> None:
    logging.disable()
    asked: Counter[str] = Counter()
    outliers: Counter[str] = Counter()
    found: set[tuple[str, str]] = set()
    seen: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the other parsers
        for name, differing, weight in _compared(asked):
            seen.add(name)
            outliers.update(dict.fromkeys(differing, weight))
            found |= {(name, field) for field in differing}
    logging.disable(logging.NOTSET)
    assert not found - disagreements("oracles"), "not listed"
    gone = disagreements("oracles", always=True) - found
    assert not {name for name, _ in gone} & seen, "listed, but gone"
    assert {field: outliers[field] / asked[field] for field in FIELDS if outliers[field] > 0.01 * asked[field]} == {}


def _compared(asked: Counter[str]) -> Iterator[tuple[str, list[str], int]]:
    """Name, fields that differ and weight: of ordinary mail one message speaks for three."""
    for raw, weight in _sampled():
        parsed = parse_message(raw)
        nested = any(file.type.startswith("message/") for file in parsed.files)
        majority, mine = votes(raw, nested=nested), ours(parsed)
        asked.update(dict.fromkeys(majority, weight))
        yield sha256(raw).hexdigest()[:12], [field for field, value in majority.items() if mine[field] != value], weight


def _sampled() -> Iterator[tuple[bytes, int]]:
    yield from ((raw, 1) for raw in islice(messages_of_all_kinds(), CLASSIC))
    yield from ((raw, 3) for raw in islice(messages_of_all_kinds(), CLASSIC, None, 3))
