"""Wiring of the console: one FastAPI application on the accounts and the tables that the other services fill."""

import asyncio

from fastapi import Depends, FastAPI
from sqlalchemy import Engine

from services.common.accounts.store import open_accounts
from services.common.clock import SystemClock
from services.common.database import engine_for
from services.common.guard import TestBudget, parse_allowed
from services.common.health import Health
from services.common.postgres.migrations import check
from services.common.settings import Database, Settings, read
from services.common.stores.choice import open_store
from services.console import failures
from services.console.adapters import Ports
from services.console.routes import ROUTERS
from services.console.security import Wall
from services.console.serving import serve
from services.console.settings import ConsoleSettings
from services.console.static_files import FOLDER, Packed, version
from services.console.web import unforged


def create(ports: Ports, settings: ConsoleSettings) -> FastAPI:
    """The application; it keeps nothing of its own between requests but the budget of connection tests."""
    version()
    app = FastAPI(
        title="Mailweir console",
        description="Accounts, connection tests and folders. Programs send Authorization: Bearer.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(unforged)],
    )
    app.state.ports, app.state.settings = ports, settings
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", Packed(directory=FOLDER), name="static")
    failures.install(app)
    # Outside of everything: a middleware that is added lies within the one that answers unexpected failures.
    app.middleware_stack = Wall(app.build_middleware_stack(), settings)
    return app


async def run(settings: Settings, health: Health, stop: asyncio.Event) -> None:
    """Serve on the stack's database until ``stop`` is set."""
    own = read(ConsoleSettings)
    url = read(Database).database_url.reveal()
    await asyncio.to_thread(check, url)
    engine = engine_for(url, pool_size=8)
    try:
        ports = ports_on(engine, settings, own)
        await asyncio.to_thread(ports.accounts.check_start)
        await serve(create(ports, own), own, stop)
    finally:
        engine.dispose()


def ports_on(engine: Engine, settings: Settings, own: ConsoleSettings) -> Ports:
    """The collaborators on a database, with the objects and the master key that the settings name."""
    clock = SystemClock()
    return Ports(
        engine,
        open_accounts(engine, settings.home_path),
        clock,
        TestBudget(clock),
        parse_allowed(own.allowed_hosts),
        settings.home_path,
        open_store(settings),
        on_stack=settings.kafka is not None,
    )
