"""``python -m services.attachments``: the attachments service on Kafka and the object store."""

import sys
from dataclasses import replace

from services.attachments import app
from services.attachments.settings import AttachmentsSettings
from services.common.runtime.process import serve
from services.common.service import Service
from services.common.settings import Settings, read
from services.common.stores.choice import open_store


def make(settings: Settings) -> Service:
    """The service on the store that the environment names."""
    store = open_store(settings)
    return replace(app.service(read(AttachmentsSettings), app.Ports(store)), needs=(store.check,))


def main() -> None:
    """Run until told to stop; ends the process with the exit code of the cause."""
    sys.exit(serve("attachments", make, AttachmentsSettings))


if __name__ == "__main__":
    main()
