"""The Email object put together from the parts: nothing is decided here that a module of its own can decide."""

from collections.abc import Callable
from hashlib import sha256

from msgspec import Struct

from services.common.email import (
    Defect,
    Email,
    EmailBodyPart,
    EmailBodyValue,
    EmailHeader,
    MailweirFacts,
    PartFacts,
    SecuredPart,
)
from services.parser.mime import body, fields, msgids, names, scanner, security, texts, trace
from services.parser.mime.envelope import Envelope, envelope
from services.parser.mime.leaves import Leaf, Load
from services.parser.mime.limits import Limits
from services.parser.mime.references import referenced
from services.parser.mime.result import File, Octets, Parsed
from services.parser.mime.scanner import Part, Tree
from services.parser.mime.version import VERSION

_BLOCK = 1 << 20


def sha256_of(raw: bytes) -> Callable[[], str]:
    """The hash of octets in memory, when asked for."""
    return lambda: sha256(raw).hexdigest()


class _Work(Struct):
    """What is known so far of one message."""

    tree: Tree
    chosen: body.Choice
    leaves: dict[str, Leaf] = {}
    values: dict[str, texts.BodyText] = {}
    parts: dict[str, EmailBodyPart] = {}


def message(data: Octets, load: Load, digest: Callable[[], str], limits: Limits, *, keep_data: bool = True) -> Parsed:
    """Everything that can be said of the message ``data``."""
    defects: list[Defect] = []
    tree = scanner.scan(data, limits, defects)
    header = tree.root.header
    head = envelope(header, _charset_hint(tree), limits, defects)
    work = _Work(tree, body.choose(tree.root))
    _read(work, load, head, limits, defects)
    structure = _structure(work)
    shown = _shown(work)
    facts = _facts(work, shown)
    message_id, synthetic = _identified(head, header, data, tree.root.body)
    identity = digest()
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
        body_structure=structure,
        body_values={path: text.value for path, text in work.values.items()},
        text_body=_listed(work, work.chosen.text),
        html_body=_listed(work, work.chosen.html),
        attachments=_listed(work, work.chosen.attachments),
        has_attachment=_has_attachment(work, facts),
        preview=_preview(work),
        mailweir=MailweirFacts(
            parser_version=VERSION,
            synthetic=synthetic,
            parts=facts,
            received_date=head.received,
            sent_at_raw=head.sent_at_raw,
            secured=_secured(work),
            list=trace.mailing_list(header),
            authentication_results=trace.authentication(header),
            defects=_ordered(defects, tree),
        ),
    )
    return Parsed(email, _files(work, facts, keep=keep_data))


def _charset_hint(tree: Tree) -> str | None:
    """The charset that raw octets in the header are probably in: that of the first text."""
    if tree.root.header.codec != "latin-1":
        return None
    return next((part.content.charset for part in tree.parts if part.content.charset), None)


def _read(work: _Work, load: Load, head: Envelope, limits: Limits, defects: list[Defect]) -> None:
    """Decode every leaf, and the text of those that are the body."""
    tld = texts.country(head.from_[0].email if head.from_ else None)
    wanted = {part.path for part in [*work.chosen.text, *work.chosen.html] if part.content.type.startswith("text/")}
    for part in work.tree.parts:
        if part.children is None:
            readable = part.path in wanted
            leaf = load(part, limits.text + 1 if readable else limits.derived, defects)
            work.leaves[part.path] = leaf
            if readable:
                work.values[part.path] = texts.read(leaf, tld, limits, defects)


def _structure(work: _Work) -> EmailBodyPart:
    """The tree of parts, children before their parents, so that nothing recurses."""
    built: dict[int, EmailBodyPart] = {}
    for part in reversed(work.tree.parts):
        content = part.content
        if part.children is not None:
            children = tuple([built[id(child)] for child in part.children])
            made = EmailBodyPart(part_id=None, blob_id=None, size=0, type=content.type, sub_parts=children)
        else:
            leaf = work.leaves[part.path]
            made = EmailBodyPart(
                part_id=part.path,
                blob_id=leaf.sha256,
                size=leaf.size,
                type=content.type,
                name=content.name,
                charset=content.charset or ("us-ascii" if content.type.startswith("text/") else None),
                disposition=content.disposition,
                cid=content.cid,
                language=content.language,
                location=content.location,
            )
            work.parts[part.path] = made
        built[id(part)] = made
    return built[id(work.tree.root)]


def _shown(work: _Work) -> set[str]:
    """Parts that the HTML refers to."""
    keyed = [part for part in work.tree.parts if part.content.cid or part.content.location]
    if not keyed:
        return set()
    pages = [text.value.value for path, text in work.values.items() if work.parts[path].type == "text/html"]
    return referenced(keyed, pages)


def _facts(work: _Work, shown: set[str]) -> dict[str, PartFacts]:
    facts = {}
    for path, leaf in work.leaves.items():
        part, text = leaf.part, work.values.get(path)
        content = part.content
        facts[path] = PartFacts(
            offset=part.body,
            length=part.end - part.body,
            header_offset=part.start,
            encoding=content.encoding,
            declared_type=content.declared_type,
            declared_charset=content.charset,
            used_charset=text.used if text else None,
            replacements=text.replacements if text else 0,
            safe_name=None if text and not content.name else names.safe(content.name, path, content.type),
            sent_name=content.name,
            referenced=path in shown,
        )
    return facts


def _identified(
    head: Envelope, header: fields.Header, data: Octets, start: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The Message-ID, or one made of what survives redelivery, with the name of what was made up."""
    if head.message_id:
        return head.message_id, ()
    said = [header.first.get(key, "") for key in ("from", "date", "subject", "to", "cc")]
    blocks = (data[at : at + _BLOCK] for at in range(start, len(data), _BLOCK))
    return (msgids.synthetic(said, blocks),), ("messageId",)


def _listed(work: _Work, parts: list[Part]) -> tuple[EmailBodyPart, ...]:
    return tuple([work.parts[part.path] for part in parts])


def _has_attachment(work: _Work, facts: dict[str, PartFacts]) -> bool:
    """RFC 8621 section 4.1.4: something to download, so neither a picture in the text nor a signature."""
    return any(
        not facts[part.path].referenced and part.content.type not in security.SIGNATURES
        for part in work.chosen.attachments
    )


def _preview(work: _Work) -> str:
    for part in work.chosen.text:
        text = work.values.get(part.path)
        if text is not None and part.content.type == "text/plain":
            return texts.preview(text.value.value)
    return ""


def _secured(work: _Work) -> tuple[SecuredPart, ...]:
    armoured = [security.inline_pgp(path, text.value.value) for path, text in work.values.items()]
    return security.secured(work.tree.parts) + tuple(item for item in armoured if item is not None)


def _ordered(defects: list[Defect], tree: Tree) -> tuple[Defect, ...]:
    """In order of offset; a defect of a part's fields stands where the part starts."""
    if not defects:
        return ()
    starts = {part.path: part.start for part in tree.parts}
    placed = [
        defect if defect.offset is not None else Defect(defect.code, defect.part, starts.get(defect.part or ""))
        for defect in defects
    ]
    return tuple(sorted(placed, key=lambda defect: defect.offset or 0))


def _files(work: _Work, facts: dict[str, PartFacts], *, keep: bool) -> tuple[File, ...]:
    """The attachments, and media that stand in the body without being in that list."""
    media = [part for part in work.chosen.html if part.path not in work.values]
    parts = {part.path: part for part in [*work.chosen.attachments, *media, *work.chosen.text]}
    return tuple([_file(work.leaves[path], facts[path], keep=keep) for path in parts if path not in work.values])


def _file(leaf: Leaf, facts: PartFacts, *, keep: bool) -> File:
    part = leaf.part
    return File(
        part.path,
        leaf.sha256,
        leaf.size,
        part.content.type,
        part.content.name,
        facts.safe_name or names.safe(None, part.path, part.content.type),
        part.content.disposition,
        leaf.data if keep else None,
        part.body,
        part.end - part.body,
        part.content.encoding,
        part.content.declared_type,
    )


__all__ = ["EmailBodyValue", "message", "sha256_of"]
