"""``python -m services.storer``: the storer on Kafka and Postgres."""

import sys
from dataclasses import replace
from functools import partial

from services.common.database import engine_for
from services.common.postgres.migrations import check
from services.common.runtime.process import serve
from services.common.service import Service
from services.common.settings import Database, Settings, read
from services.storer import app
from services.storer.adapters import PostgresWriter
from services.storer.settings import StorerSettings


def make(_: Settings) -> Service:
    """The service on the stores that the environment names."""
    url = read(Database).database_url.reveal()
    ports = app.Ports(PostgresWriter(engine_for(url)))
    return replace(app.service(read(StorerSettings), ports), needs=(partial(check, url),))


def main() -> None:
    """Run until told to stop; ends the process with the exit code of the cause."""
    sys.exit(serve("storer", make, StorerSettings, Database))


if __name__ == "__main__":
    main()
