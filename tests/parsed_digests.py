"""``python -m tests.parsed_digests``: where the parser was loaded from, then a digest of the event of each message.

The own corpus, real messages and mutants of both; every fourth one is also read by blocks.
"""

from hashlib import sha256
from pathlib import Path

from msgspec.json import encode

from services.parser.mime import Parsed, assemble, parse_message, parse_source
from tests.corpus_mail import messages
from tests.mail_invariants import Memory
from tests.mutants import mutants

OWN = Path(__file__).parent / "corpus"
_LARGEST_SEED = 60_000
_MUTANTS = 2_000


def main() -> None:
    """One line each."""
    print(assemble.__file__)
    seeds = [*(path.read_bytes() for path in sorted(OWN.rglob("*.eml"))), *messages(1_000)]
    small = [raw for raw in seeds if 0 < len(raw) < _LARGEST_SEED]
    for number, raw in enumerate((*seeds, *mutants(small, _MUTANTS, seed=7))):
        parsed = [parse_message(raw), *([] if number % 4 else [parse_source(Memory(raw))])]
        print(" ".join(digest(each) for each in parsed))


def digest(parsed: Parsed) -> str:
    """Of the event and of the octets of its files."""
    whole = sha256(encode(parsed.email))
    for file in parsed.files:
        whole.update(file.data or b"")
    return whole.hexdigest()


if __name__ == "__main__":
    main()
