"""Wiring of the console: one FastAPI application on the accounts and the tables that the other services fill."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles

from services.common.accounts import open_accounts
from services.common.clock import SystemClock
from services.common.database import engine_for
from services.common.guard import TestBudget, parse_allowed
from services.common.health import Health
from services.common.settings import Settings, read
from services.console import failures
from services.console.adapters import Ports
from services.console.routes import ROUTERS
from services.console.security import Wall
from services.console.serving import serve
from services.console.settings import ConsoleSettings
from services.console.web import unforged


def create(ports: Ports, settings: ConsoleSettings) -> FastAPI:
    """The application; it keeps nothing of its own between requests but the budget of connection tests."""
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
    app.mount("/static", StaticFiles(directory=str(files("services.console") / "static")), name="static")
    failures.install(app)
    app.add_middleware(Wall, settings=settings)
    return app


async def run(settings: Settings, health: Health, stop: asyncio.Event) -> None:
    """Serve on the stack's database until ``stop`` is set."""
    own = read(ConsoleSettings)
    own.check()
    async with _ports(settings, own) as ports:
        await asyncio.to_thread(ports.accounts.check_start)
        await serve(create(ports, own), own, stop)


@contextlib.asynccontextmanager
async def _ports(settings: Settings, own: ConsoleSettings) -> AsyncIterator[Ports]:
    engine = engine_for(settings.require_database(), pool_size=8)
    clock = SystemClock()
    accounts = open_accounts(engine, settings.home_path)
    try:
        yield Ports(engine, accounts, clock, TestBudget(clock), parse_allowed(own.allowed_hosts), settings.home_path)
    finally:
        engine.dispose()
