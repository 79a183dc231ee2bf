"""Real messages through all embedded services: complete, without a dead letter, and made again from objects alone."""

from tests.corpus_mail import messages
from tests.integration.commands.conftest import TABLES, Home

COUNT = 400


async def test_real_mail_is_complete_and_comes_back(home: Home) -> None:
    await home.take(*messages(COUNT))
    assert home.value("SELECT count(*) FROM dead_letters") == 0
    assert home.value("SELECT multirange_count(stored) FROM held_places") == COUNT
    assert f"{COUNT} messages compared, 0 would change" in home.run("reparse", "--compare").stdout
    home.change(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    assert home.run("repair", "--offline").exit_code == 0
    assert home.value("SELECT multirange_count(stored) FROM held_places") == COUNT
    assert f"{COUNT} messages compared, 0 would change" in home.run("reparse", "--compare").stdout
