"""Parts as the Email object tells them: bodyStructure, the facts by partId, and the files."""

from collections.abc import Collection, Iterable

from services.common.email import EmailBodyPart, PartFacts
from services.parser.mime import names
from services.parser.mime.derived import Derived
from services.parser.mime.leaves import Leaf
from services.parser.mime.result import File
from services.parser.mime.texts import BodyText
from services.parser.mime.tree import Part, Tree

Leaves = dict[str, Leaf]
Texts = dict[str, BodyText]


class Told:
    """The root, the leaves by path, and the facts of each."""

    def __init__(self, structure: EmailBodyPart, leaves: dict[str, EmailBodyPart], facts: dict[str, PartFacts]) -> None:
        self.structure = structure
        self.leaves = leaves
        self.facts = facts


def tell(tree: Tree, leaves: Leaves, texts: Texts, shown: Collection[str]) -> Told:
    """All parts, children before their parents, so that nothing recurses; ``shown`` are those the HTML refers to."""
    built: dict[int, EmailBodyPart] = {}
    told: dict[str, EmailBodyPart] = {}
    for part in reversed(tree.parts):
        if part.children is None:
            built[id(part)] = told[part.path] = _leaf(leaves[part.path])
        else:
            children = tuple([built[id(child)] for child in part.children])
            built[id(part)] = EmailBodyPart(
                part_id=None, blob_id=None, size=0, type=part.content.type, sub_parts=children
            )
    facts = {path: _facts(leaf, texts.get(path), referenced=path in shown) for path, leaf in leaves.items()}
    return Told(built[id(tree.root)], told, facts)


def _leaf(leaf: Leaf) -> EmailBodyPart:
    part = leaf.part
    content = part.content
    return EmailBodyPart(
        part_id=part.path,
        blob_id=leaf.sha256,
        size=leaf.size,
        type=content.type,
        name=content.name,
        charset=(content.charset or "us-ascii") if content.type.startswith("text/") else None,
        disposition=content.disposition,
        cid=content.cid,
        language=content.language,
        location=content.location,
    )


def _facts(leaf: Leaf, text: BodyText | None, *, referenced: bool) -> PartFacts:
    part = leaf.part
    content = part.content
    return PartFacts(
        offset=part.body,
        length=part.end - part.body,
        header_offset=part.start,
        encoding=content.encoding,
        declared_type=content.declared_type,
        declared_charset=content.charset,
        used_charset=text.used if text else None,
        replacements=text.replacements if text else 0,
        safe_name=None if text and not content.name else names.safe(content.name, part.path, content.type),
        sent_name=content.name,
        referenced=referenced,
    )


def file(leaf: Leaf, safe_name: str, *, keep: bool) -> File:
    """A leaf as a file; ``keep`` says whether its octets lie in memory anyway."""
    part = leaf.part
    content = part.content
    return File(
        part.path,
        leaf.sha256,
        leaf.size,
        content.type,
        content.name,
        safe_name,
        content.disposition,
        leaf.data if keep else None,
        part.body,
        part.end - part.body,
        content.encoding,
        content.declared_type,
    )


def derived(files: Iterable[tuple[str, Part, Derived, str]]) -> Iterable[tuple[EmailBodyPart, PartFacts, File]]:
    """Files found inside parts, each with its partId, the part it comes from, and its SHA-256."""
    for path, parent, found, digest in files:
        kind = found.type or names.media_type(found.name)
        safe = names.safe(found.name, path, kind)
        size = len(found.data)
        place = (parent.body, parent.end - parent.body)
        yield (
            EmailBodyPart(
                part_id=path,
                blob_id=digest,
                size=size,
                type=kind,
                name=found.name,
                disposition="attachment",
                cid=found.cid,
            ),
            PartFacts(
                offset=place[0],
                length=place[1],
                header_offset=parent.start,
                encoding="derived",
                safe_name=safe,
                sent_name=found.name,
                parent=parent.path,
            ),
            File(path, digest, size, kind, found.name, safe, "attachment", found.data, *place, "derived"),
        )
