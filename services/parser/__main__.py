"""``python -m services.parser``: the parser on Kafka and the object store."""

import sys

from services.common.runtime.process import serve
from services.common.service import Service
from services.common.settings import Settings, read
from services.common.stores.choice import open_store
from services.parser import app
from services.parser.adapters import opener
from services.parser.settings import ParserSettings


def make(settings: Settings) -> Service:
    """The service on the store that the environment names."""
    return app.service(read(ParserSettings), app.Ports(opener(open_store(settings))))


def main() -> None:
    """Run until told to stop; ends the process with the exit code of the cause."""
    sys.exit(serve("parser", make, ParserSettings))


if __name__ == "__main__":
    main()
