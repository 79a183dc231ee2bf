"""New mail that comes alone waits for nothing; what comes right behind it waits to come together."""

from tests.integration.runtime.lab import Lab


async def test_one_record_is_handled_long_before_a_batch_would_have_waited(lab: Lab) -> None:
    lab.switch("within", "300")
    lab.worker()
    await lab.publish(range(1))
    await lab.until("the record is handled", lambda: lab.seen() == [0], within=100)
    await lab.publish(range(1, 15))
    await lab.publish(range(15, 21))
    await lab.until("a full batch is handled", lambda: len(lab.seen()) == 21, within=100)
