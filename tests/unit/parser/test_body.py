import pytest

from services.parser.mime import body, scanner
from services.parser.mime.limits import Limits

Spec = str | tuple[str, list["Spec"]]


def message(spec: Spec, number: int = 0) -> str:
    """A message from a tree: a leaf is its Content-Type, a multipart a pair of subtype and children."""
    if isinstance(spec, str):
        kind, _, disposition = spec.partition("!")
        said = f"Content-Disposition: {disposition}\n" if disposition else ""
        return f"Content-Type: {kind}\n{said}\nx\n"
    kind, children = spec
    name = f"b{number}"
    inner = "".join(f"--{name}\n{message(child, number + 1)}" for child in children)
    return f"Content-Type: multipart/{kind}; boundary={name}\n\n{inner}--{name}--\n"


def chosen(spec: Spec) -> tuple[str, str, str]:
    choice = body.choose(scanner.scan(message(spec).encode(), Limits(), []).root)
    return tuple(" ".join(part.path for part in parts) for parts in (choice.text, choice.html, choice.attachments))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("text/plain", ("1", "1", "")),
        ("text/html", ("1", "1", "")),
        ("application/pdf", ("", "", "1")),
        ("text/plain!attachment", ("", "", "1")),
        (("alternative", ["text/plain", "text/html"]), ("1", "2", "")),
        (("alternative", ["text/html"]), ("1", "1", "")),
        (("alternative", ["text/plain", "text/calendar"]), ("1", "1", "2")),
        (("mixed", ["text/plain", "image/png", "application/pdf"]), ("1 2", "1 2", "3")),
        (("mixed", ["text/plain", "text/plain; name=a.txt"]), ("1", "1", "2")),
        (("mixed", ["text/plain", "image/png!attachment"]), ("1", "1", "2")),
        (("related", ["text/html", "image/png"]), ("1", "1", "2")),
        (
            (
                "mixed",
                [("alternative", ["text/plain", ("related", ["text/html", "image/png"])]), "image/gif!attachment"],
            ),
            ("1.1", "1.2.1", "1.2.2 2"),
        ),
        (("mixed", [("alternative", ["text/plain", "text/html"]), "text/plain"]), ("1.1 2", "1.2 2", "")),
    ],
)
def test_rfc_8621_section_4_1_4(spec: Spec, expected: tuple[str, str, str]) -> None:
    assert chosen(spec) == expected


def test_a_deep_tree_needs_no_recursion() -> None:
    spec: Spec = "text/plain"
    for _ in range(90):
        spec = ("mixed", [spec])
    assert chosen(spec)[0].count(".") == 89
