"""A port that cannot be is refused before anything is opened."""

import pytest
from click.testing import CliRunner

from services.cli.main import cli


@pytest.mark.parametrize("command", [("console",), ("accounts", "authorize", "work")])
@pytest.mark.parametrize("port", ["65536", "-1", "x"])
def test_a_port_is_a_number_that_a_socket_takes(command: tuple[str, ...], port: str) -> None:
    done = CliRunner().invoke(cli, [*command, "--port", port])
    assert done.exit_code == 2
    assert "Invalid value for '--port'" in done.output
