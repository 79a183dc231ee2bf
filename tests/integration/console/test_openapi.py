"""The described interface, called with generated values by the owner's program: no answer is a failure of ours."""

from collections.abc import Sequence

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from services.common import guard
from services.console import sessions, users
from services.console.app import create
from services.console.handlers import PROGRAM_LASTS
from services.console.settings import ConsoleSettings
from tests.integration.console.cast import Cast

ASKED_FOR = {"/api/imap/config", "/api/imap/test", "/api/imap/sync"}


async def nowhere(host: str, port: int) -> Sequence[str]:
    """No generated name is looked up on the network."""
    raise OSError("there is no such name")


def test_generated_values_find_no_failure_of_ours(people: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LEAST_SECONDS", 0.0)
    object.__setattr__(people.ports, "resolver", nowhere)
    engine = people.ports.engine
    session = sessions.start(engine, users.get(engine, "owner"), "program", people.ports.clock.now(), PROGRAM_LASTS)
    headers = {"authorization": f"Bearer {session.token}"}
    description = create(people.ports, ConsoleSettings(port=0)).openapi()
    assert set(description["paths"]) >= ASKED_FOR
    schema = schemathesis.openapi.from_dict(description)
    answers: list[int] = []

    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def asked(case: schemathesis.Case) -> None:
            people.ports.budget.started.clear()
            answer = case.call(base_url=people.address, headers=headers)
            answers.append(answer.status_code)
            assert answer.status_code < 500, f"{case.method} {case.path}: {answer.status_code}"
            assert str(answer.status_code) in case.operation.definition.raw["responses"], (
                "an answer that is not described"
            )

        asked()
    assert len(answers) >= 25
    assert 401 not in answers
    assert any(status < 300 for status in answers)
