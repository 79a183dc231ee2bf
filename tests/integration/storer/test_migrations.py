"""Every revision up and down, on data, on a real Postgres; the tables in code are those in the database."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from services.cli.mending.whole_schema import whole_schema
from services.common.database import engine_for
from services.common.errors import ConfigurationError
from services.common.postgres import migrations, restoring
from services.storer import tables

REVISIONS = (
    "0009_refusals",
    "0007_habits",
    "0006_console",
    "0005_threads",
    "0004_views",
    "0003_storer",
    "0002_poller",
    "0001_accounts",
    "base",
)

NEW_FACTS = {
    "parserVersion": "1.0.0", "derivedText": None, "receivedDate": None, "sentAtRaw": "Mon", "place": None,
    "deliveryReports": [], "feedbackReports": [], "authenticationResults": [{"server": "x"}], "list": {"id": "l"},
}  # fmt: skip
OLD_FACTS = {re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), name): NEW_FACTS[name] for name in NEW_FACTS}


def test_the_newest_revision_is_the_one_that_databases_get() -> None:
    written = (Path(migrations.__file__).parents[3] / "infra/postgres/migrations/versions").glob("[0-9]*.py")
    assert max(path.stem for path in written) == migrations.HEAD


def test_up_down_and_up_again_keeps_what_each_revision_knows(empty: str) -> None:
    assert migrations.current(empty) is None
    migrations.upgrade(empty, "0004_views")
    engine = engine_for(empty)
    _put_old_data(engine)
    assert migrations.upgrade(empty)
    assert _value(engine, "SELECT account_id FROM attachments") == "work"
    assert _value(engine, "SELECT facts FROM emails") == NEW_FACTS
    migrations.downgrade(empty, "0011_settled")
    assert _value(engine, "SELECT facts FROM emails") == OLD_FACTS
    for revision in REVISIONS:
        migrations.downgrade(empty, revision)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert migrations.upgrade(empty)
    assert not migrations.upgrade(empty)
    engine.dispose()


def test_threads_outlive_a_way_down_and_up(empty: str) -> None:
    migrations.upgrade(empty, "0004_views")
    engine = engine_for(empty)
    _put_old_data(engine)
    migrations.upgrade(empty)
    told = "UPDATE emails SET message_id = 'a@x', reference_ids = '{root@x,b@x,c@x}', thread_id = 7"
    with engine.begin() as connection:
        connection.execute(text(told))
    migrations.downgrade(empty, "0004_views")
    assert migrations.upgrade(empty)
    known = _value(engine, "SELECT array_agg(message_id ORDER BY message_id) FROM thread_refs WHERE thread_id = 7")
    assert known == ["a@x", "c@x", "root@x"]
    assert _value(engine, "SELECT nextval('thread_ids')") == 8
    engine.dispose()


def test_states_and_places_keep_the_order_of_their_events(empty: str) -> None:
    migrations.upgrade(empty, "0014_sums")
    engine = engine_for(empty)
    with engine.begin() as connection:
        connection.execute(text(
            "INSERT INTO place_states (folder_id, uidvalidity, uid, flags, visible, sequence) "
            "VALUES ('f', 1, 1, '{x}', NULL, 7), ('f', 1, 2, NULL, false, 8), ('f', 1, 3, '{x}', false, 9)"
        ))  # fmt: skip
        connection.execute(text(
            "INSERT INTO email_places "
            "(folder_id, uidvalidity, uid, account_id, folder, content_sha256, flags, sequence) "
            "SELECT 'f', 1, n, 'work', 'INBOX', 'aa', '{}', n FROM generate_series(0, 5, 5) AS n"
        ))  # fmt: skip
    migrations.upgrade(empty)
    known = "SELECT array_agg(ARRAY[uid, sequence, visible_sequence] ORDER BY uid) FROM {}"
    assert _value(engine, known.format("place_states")) == [[1, 7, 0], [2, 0, 8], [3, 9, 9]]
    assert _value(engine, known.format("email_places")) == [[0, 0, 0], [5, 5, 5]]
    migrations.downgrade(empty, "0014_sums")
    assert _value(engine, "SELECT array_agg(sequence ORDER BY uid) FROM place_states") == [7, 8, 9]
    assert _value(engine, "SELECT array_agg(sequence ORDER BY uid) FROM email_places") == [0, 5]
    assert migrations.upgrade(empty)
    engine.dispose()


def test_a_sender_of_any_length_has_room_in_the_index(empty: str) -> None:
    migrations.upgrade(empty, "0015_orders")
    engine = engine_for(empty)
    _put_mail(engine)
    with engine.begin() as connection:
        noise = "SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) AS n"
        connection.execute(text(f"UPDATE emails SET from_email = ({noise})"))
    assert migrations.upgrade(empty)
    assert _value(engine, "SELECT octet_length(from_email) FROM emails") == 250
    engine.dispose()


def test_a_database_of_a_newer_mailweir_is_told_and_left_alone(empty: str) -> None:
    migrations.upgrade(empty)
    engine = engine_for(empty)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999_later'"))
    with pytest.raises(ConfigurationError, match=f"0999_later.*{migrations.HEAD}.*newer Mailweir"):
        migrations.upgrade(empty)
    assert migrations.current(empty) == "0999_later"
    engine.dispose()


def test_tables_in_code_and_database_agree(migrated: Engine) -> None:
    inspector = inspect(migrated)
    for table in whole_schema().sorted_tables:
        columns = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}, table.name
    for table in tables.OWNED:
        found = {index["name"] for index in inspector.get_indexes(table.name)}
        assert {index.name for index in table.indexes} <= found


def test_a_repair_knows_every_table(migrated: Engine) -> None:
    said = "from services.cli.mending.whole_schema import whole_schema; print(*whole_schema().tables)"
    known = subprocess.run([sys.executable, "-c", said], capture_output=True, check=True, text=True).stdout.split()
    assert {*known, "alembic_version"} == set(inspect(migrated).get_table_names())


def test_a_repair_knows_every_view(migrated: Engine) -> None:
    assert set(inspect(migrated).get_view_names()) == restoring.VIEWS


def _put_mail(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(
            "INSERT INTO emails (account_id, content_sha256, parser_version, size, in_reply_to, reference_ids, "
            "recipients, addresses, has_attachment, preview, headers, structure, facts, defects, search) "
            "VALUES ('work', 'aa', '1.0.0', 1, '{}', '{}', '{}', '{}', true, '', '[]', '{}', :facts, '{}', '')"
        ), {"facts": json.dumps(OLD_FACTS)})  # fmt: skip


def _put_old_data(engine: Engine) -> None:
    _put_mail(engine)
    with engine.begin() as connection:
        connection.execute(text(
            "INSERT INTO attachments (email_id, part_path, sha256, size, content_type, safe_name) "
            "SELECT id, '2', 'bb', 1, 'text/plain', 'a.txt' FROM emails"
        ))  # fmt: skip


def _value(engine: Engine, query: str) -> object:
    with engine.connect() as connection:
        return connection.execute(text(query)).scalar()
