"""The Email object put together: nothing is decided here that a module of its own can decide."""

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Final

from services.common.email import Defect, Email, EmailBodyPart, EmailHeader, MailweirFacts, PartFacts, SecuredPart
from services.parser.mime import body, fields, insights, msgids, parts, scanner, security, texts, trace
from services.parser.mime.body import Choice
from services.parser.mime.envelope import Envelope
from services.parser.mime.fields import Header
from services.parser.mime.leaves import InMemory, Load
from services.parser.mime.limits import Limits
from services.parser.mime.parts import Leaves, Texts, Told
from services.parser.mime.references import referenced
from services.parser.mime.result import File, Octets, Parsed
from services.parser.mime.tree import Tree
from services.parser.mime.version import VERSION

_BLOCK: Final = 1 << 20


def in_memory(raw: bytes, limits: Limits, depth: int = 0, known: str | None = None) -> Parsed:
    """Everything that can be said of octets in memory; ``depth`` counts the messages around this one.

    ``known`` is their SHA-256 where the caller has taken it.
    """
    return message(raw, InMemory(raw), lambda: known or sha256(raw).hexdigest(), limits, depth=depth)


def message(
    data: Octets, load: Load, digest: Callable[[], str], limits: Limits, *, keep: bool = True, depth: int = 0
) -> Parsed:
    """Everything that can be said of the message ``data``; ``keep`` leaves the octets of files in memory."""
    defects: list[Defect] = []
    tree = scanner.scan(data, limits, defects)
    header = tree.root.header
    head = Envelope(header, _charset_hint(tree), limits, defects)
    chosen = body.choose(tree.root)
    leaves, shown_texts = _read(tree, chosen, load, head, limits, defects)
    inside = insights.look(leaves, shown_texts, limits, _nested(limits, depth), defects)
    told = parts.tell(tree, leaves, shown_texts, _shown(tree, shown_texts))
    derived = list(parts.derived(inside.files)) if inside.files else []
    for part, facts, _ in derived:
        told.facts[part.part_id or ""] = facts
    derived_text = insights.derived_text(shown_texts, inside, limits, defects)
    message_id, synthetic = _identified(head, header, data, tree.root.body)
    identity = digest()
    listed = told.leaves
    email = Email(
        id=identity,
        blob_id=identity,
        size=len(data),
        message_id=message_id,
        in_reply_to=head.in_reply_to,
        references=head.references,
        sender=head.sender,
        from_=head.from_,
        to=head.to,
        cc=head.cc,
        bcc=head.bcc,
        reply_to=head.reply_to,
        subject=head.subject,
        sent_at=head.sent_at,
        headers=tuple(map(EmailHeader, header.names, fields.sent(header))),
        body_structure=told.structure,
        body_values={path: text.value for path, text in shown_texts.items()},
        text_body=tuple([listed[part.path] for part in chosen.text]),
        html_body=tuple([listed[part.path] for part in chosen.html]),
        attachments=_attachments(chosen, listed, derived),
        has_attachment=_has_attachment(chosen, told, derived),
        preview=texts.preview_of(chosen.text, shown_texts, derived_text),
        mailweir=MailweirFacts(
            parser_version=VERSION,
            synthetic=synthetic,
            derived_text=derived_text,
            parts=told.facts,
            received_date=head.received,
            sent_at_raw=head.sent_at_raw,
            calendars=inside.digests(),
            delivery_reports=tuple(inside.delivery),
            feedback_reports=tuple(inside.feedback),
            children=tuple(inside.children),
            secured=_secured(tree, shown_texts, inside.signed),
            list=trace.mailing_list(header),
            authentication_results=trace.authentication(header),
            defects=_ordered(defects, tree, limits) if defects else (),
        ),
    )
    return Parsed(email, (*_files(chosen, leaves, shown_texts, told, keep=keep), *[file for _, _, file in derived]))


def _charset_hint(tree: Tree) -> str | None:
    """What raw octets in the header are probably in: the charset of the first text that tells, else by their look."""
    header = tree.root.header
    if header.codec != "latin-1":
        return None
    declared = (part.content.charset for part in tree.parts)
    return next((label for label in declared if fields.tells(label)), None) or header.looks


def _read(
    tree: Tree, chosen: Choice, load: Load, head: Envelope, limits: Limits, defects: list[Defect]
) -> tuple[Leaves, Texts]:
    """Decode every leaf, and the text of those that are the body."""
    tld = texts.country(head.from_[0].email if head.from_ else None)
    shown = {part.path for part in [*chosen.text, *chosen.html] if part.content.type.startswith("text/")}
    leaves: Leaves = {}
    read: Texts = {}
    for part in tree.parts:
        if part.children is not None:
            continue
        path = part.path
        leaves[path] = leaf = insights.loaded(load, part, limits, defects, shown=path in shown)
        if path in shown and len(read) < limits.texts:
            read[path] = texts.read(leaf, tld, limits, defects)
        elif path in shown:
            defects.append(Defect("limit.texts", path, part.body))
    return leaves, read


def _nested(limits: Limits, depth: int) -> insights.Nested | None:
    if depth >= limits.child_depth:
        return None
    return lambda raw, bounds: in_memory(raw, bounds, depth + 1).email


def _shown(tree: Tree, read: Texts) -> set[str]:
    """Parts that the HTML refers to."""
    keyed = [part for part in tree.parts if part.content.cid or part.content.location]
    if not keyed:
        return set()
    return referenced(keyed, [text.value.value for text in read.values() if text.type == "text/html"])


def _identified(head: Envelope, header: Header, data: Octets, start: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The Message-ID, or one made of what survives redelivery, with the name of what was made up."""
    if head.message_id:
        return head.message_id, ()
    said = [header.first.get(key, "") for key in ("from", "date", "subject", "to", "cc")]
    return (msgids.synthetic(said, _blocks(data, start)),), ("messageId",)


def _blocks(data: Octets, start: int) -> Iterator[bytes]:
    for at in range(start, len(data), _BLOCK):
        yield data[at : at + _BLOCK]


Derived = list[tuple[EmailBodyPart, PartFacts, File]]


def _attachments(chosen: Choice, told: dict[str, EmailBodyPart], derived: Derived) -> tuple[EmailBodyPart, ...]:
    if not chosen.attachments and not derived:
        return ()
    return (*[told[part.path] for part in chosen.attachments], *[part for part, _, _ in derived])


def _has_attachment(chosen: Choice, told: Told, derived: Derived) -> bool:
    """RFC 8621 section 4.1.4: something to download, so neither a picture in the text nor a signature."""
    if derived or not chosen.attachments:
        return bool(derived)
    return any(
        not told.facts[part.path].referenced and part.content.type not in security.SIGNATURES
        for part in chosen.attachments
    )


def _secured(tree: Tree, read: Texts, signed: list[str]) -> tuple[SecuredPart, ...]:
    armoured = [found for path, text in read.items() if (found := security.inline_pgp(path, text.value.value))]
    return (*security.secured(tree.parts, signed), *armoured)


def _ordered(defects: list[Defect], tree: Tree, limits: Limits) -> tuple[Defect, ...]:
    """In order of offset; a defect of a part's fields stands where the part starts."""
    if len(defects) == 1 and defects[0].offset is not None:
        return tuple(defects)
    starts = {part.path: part.start for part in tree.parts}
    placed = [
        defect if defect.offset is not None else Defect(defect.code, defect.part, starts.get(defect.part or ""))
        for defect in defects
    ]
    ordered = sorted(dict.fromkeys(placed), key=lambda defect: defect.offset or 0)
    if len(ordered) > limits.defects:
        ordered = [*ordered[: limits.defects], Defect("limit.defects")]
    return tuple(ordered)


def _files(chosen: Choice, leaves: Leaves, read: Texts, told: Told, *, keep: bool) -> Iterable[File]:
    """The attachments, then media that stand in the body without being in that list."""
    if not chosen.attachments and len(read) == len(leaves):
        return ()
    found = dict.fromkeys([part.path for part in [*chosen.attachments, *chosen.html, *chosen.text]])
    return [parts.file(leaves[path], told.facts[path].safe_name or "", keep=keep) for path in found if path not in read]
