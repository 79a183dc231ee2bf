"""One-shot jobs of a set-up: database schema and topics. Both are idempotent."""

import click


@click.command()
def migrate() -> None:
    """Bring the database (MAILWEIR_DATABASE_URL, else the embedded one) to the present schema."""
    from services.common.postgres.migrations import current
    from services.front.context import open_context

    with open_context() as context:
        click.echo(f"database is at {current(context.database_url)}")


@click.command()
def topics() -> None:
    """Create the topics of schemas/asyncapi.yaml that the broker (MAILWEIR_KAFKA) lacks, raise low limits."""
    import asyncio

    from services.common.runtime.kafka.settings import KafkaSettings
    from services.common.runtime.kafka.topics_admin import create
    from services.common.settings import read

    click.echo(str(asyncio.run(create(read(KafkaSettings).bootstrap))))
