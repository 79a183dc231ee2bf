"""The expectations that come with the shared corpus, as (message, field, what they say, what we say)."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from services.common.email import Email
from services.parser.mime import Parsed, parse_message
from tests.corpus_mail import corpus_root
from tests.mail_invariants import leaves
from tests.oracles import View

Finding = tuple[str, str, Any, Any]
_BLANKS = re.compile(r"\s+")
_MONTHS_OF_YEAR = 12


def stalwart() -> Iterator[tuple[str, Parsed, dict[str, Any]]]:
    """Messages with LF and with CRLF, and what Stalwart's parser says of them."""
    for path in sorted(corpus_root().glob("stalwart-*/*.eml")):
        raw = path.read_bytes().replace(b"\r", b"")
        for suffix, octets in ((".json", raw), (".crlf.json", raw.replace(b"\n", b"\r\n"))):
            said = path.with_suffix(suffix)
            if said.exists():
                yield f"{path.parent.name}/{path.stem}{suffix}", parse_message(octets), json.loads(said.read_bytes())


def stalwart_view(said: dict[str, Any]) -> View:
    """Subject, sender, date, ids and the offsets of the leaves."""
    root = said["parts"][0]
    fields = {field["name"]: field["value"] for field in reversed(root["headers"]) if isinstance(field["name"], str)}
    text = fields.get("subject")
    return {
        "subject": _BLANKS.sub(" ", text["Text"]).strip() if isinstance(text, dict) and "Text" in text else None,
        "senders": _senders(fields.get("from")),
        "date": _moment(fields.get("date")),
        "offsets": [
            (part["offset_body"], part["offset_end"])
            for part in said["parts"]
            if isinstance(part["body"], dict) and "Multipart" not in part["body"]
        ],
        "files": sorted(
            len(part["body"].get("Binary", part["body"].get("InlineBinary")))
            for part in said["parts"]
            if not {"Binary", "InlineBinary"}.isdisjoint(part["body"])
        ),
    }


def our_view(email: Email) -> View:
    """The same of ours."""
    parts = [part for part in leaves(email.body_structure) if part.part_id]
    facts = [email.mailweir.parts[part.part_id or ""] for part in parts]
    return {
        "subject": _BLANKS.sub(" ", email.subject).strip() if email.subject else None,
        "senders": [address.email.lower() for address in email.from_ or ()],
        "date": datetime.fromisoformat(email.sent_at).timestamp() if email.sent_at else None,
        "offsets": [(fact.offset, fact.offset + fact.length) for fact in facts],
        "files": sorted(part.size for part in parts if not part.type.startswith(("text/", "message/"))),
    }


def stalwart_findings() -> Iterator[Finding]:
    """Where we differ from Stalwart."""
    for name, parsed, said in stalwart():
        theirs, mine = stalwart_view(said), our_view(parsed.email)
        yield from ((name, field, theirs[field], mine[field]) for field in theirs if theirs[field] != mine[field])


def mime4j_findings() -> Iterator[Finding]:
    """Decoded parts of mime4j that none of our parts, nor those of nested messages, has; line ends apart."""
    folder = corpus_root() / "mime4j"
    for path in sorted(folder.glob("*.msg")):
        contents = _contents(parse_message(path.read_bytes()))
        for decoded in sorted(folder.glob(f"{path.stem}_decoded_*")):
            wanted = _unified(decoded.read_bytes())
            if wanted not in contents:
                yield f"mime4j/{path.name}", decoded.stem.rpartition("_decoded_")[2], wanted[:60], None


def zbateson_findings() -> Iterator[Finding]:
    """Attachments whose name is that of a decoded file, but whose octets are others; line ends apart."""
    folder = corpus_root() / "zbateson"
    known = {path.name.removeprefix("files__"): _unified(path.read_bytes()) for path in folder.glob("files__*.*g")}
    for path in sorted(folder.glob("*.txt")):
        for file in parse_message(path.read_bytes()).files:
            wanted = known.get(file.name or "")
            if wanted is not None and _unified(file.data or b"") != wanted:
                yield f"zbateson/{path.name}", file.part_id, len(wanted), file.size


def _contents(parsed: Parsed) -> set[bytes]:
    """All decoded octets: of the parts, and of the parts of nested messages down to the last one."""
    found: set[bytes] = set()
    waiting = [parsed]
    while waiting:
        now = waiting.pop()
        found |= {_unified(value.value.encode()) for value in now.email.body_values.values()}
        found |= {_unified(file.data or b"") for file in now.files}
        waiting += [parse_message(file.data or b"") for file in now.files if file.type.startswith("message/")]
    return found


def _unified(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b"\n")


def _senders(value: Any) -> list[str]:
    address = value.get("Address") if isinstance(value, dict) else None
    if not address:
        return []
    listed = address.get("List") or [one for group in address.get("Group", ()) for one in group["addresses"]]
    return [one["address"].lower() for one in listed if one.get("address")]


def _moment(value: Any) -> float | None:
    found = value.get("DateTime") if isinstance(value, dict) else None
    if not found or not 1 <= found["month"] <= _MONTHS_OF_YEAR:
        return None
    shift = timedelta(hours=found["tz_hour"], minutes=found["tz_minute"])
    zone = timezone(-shift if found["tz_before_gmt"] else shift) if shift else UTC
    fields = (found[name] for name in ("year", "month", "day", "hour", "minute", "second"))
    try:
        return datetime(*fields, tzinfo=zone).timestamp()
    except ValueError:
        return None
