"""``python -m infra.local install [NAME...]``: fetch and build the components, so that later starts are quick."""

import argparse
import sys

from infra.local import browser, cluster
from services.common.errors import MailweirError


def main() -> int:
    """Exit code 0 when all is in place, else one line why."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("action", choices=["install"])
    parser.add_argument("names", nargs="*", default=list(cluster.NAMES), metavar="NAME")
    options = parser.parse_args()
    try:
        cluster.install(options.names)
        browser.install()
    except MailweirError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
