"""One service as a process: logging, signals, heartbeat file, exit codes. Every ``__main__`` goes through here."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from functools import partial

from services.common import calls, metrics
from services.common.environment import unknown
from services.common.errors import ConfigurationError, MailweirError
from services.common.health import Health, path_of
from services.common.logging import configure
from services.common.runtime.kafka import worker
from services.common.runtime.kafka.settings import KafkaSettings
from services.common.runtime.kafka.starting import is_there
from services.common.service import Service
from services.common.settings import FromEnvironment, Settings, check, load, read

log = logging.getLogger(__name__)
Body = Callable[[Settings, Health, asyncio.Event], Awaitable[None]]
_LAST_RESORT = 3.0  # seconds
_BEAT = 0.5
SILENCE = 20.0  # seconds; what waits for rows of another transaction ends then


def main(name: str, body: Body, *kinds: type[FromEnvironment]) -> int:
    """Run ``body(settings, health, stop)`` until it ends; ``stop`` is set by SIGTERM and SIGINT.

    ``kinds`` of settings are read by the body, too: what is wrong with any of them is told at once, before it runs.
    Returns the exit code: 0 after a clean stop, 2 for a wrong configuration, else that of the failure (never 0).
    """
    configure(name)
    for line in unknown():
        log.warning("%s", line)
    try:
        check(Settings, metrics.MetricsSettings, *kinds)
        settings = load()
        configure(name, settings.log)
        metrics.show(read(metrics.MetricsSettings))
        health = Health(name, path_of(settings.home_path, name))
        asyncio.run(_run(body, settings, health))
    except ConfigurationError as error:
        log.error("%s", error)
        return error.exit_code
    except MailweirError as error:
        log.error("%s: %s", type(error).__name__, error)
        return error.exit_code
    except Exception as error:
        log.critical("unexpected %s: the process ends", type(error).__name__, exc_info=error)
        return 1
    return 0


def serve(name: str, make: Callable[[Settings], Service], *kinds: type[FromEnvironment]) -> int:
    """Run a consumer service on Kafka: ``make`` wires it from settings of these ``kinds``. Returns the exit code."""

    async def body(settings: Settings, health: Health, stop: asyncio.Event) -> None:
        service, own = make(settings), read(KafkaSettings)
        if await is_there("start", partial(_looked_for, service), own, health, stop):
            await worker.run(service, own, health=health, stop=stop)

    return main(name, body, KafkaSettings, *kinds)


async def _looked_for(service: Service) -> None:
    """Else a wrong password or a missing bucket would be told with the first mail, and health be green until then."""
    for need in service.needs:
        await asyncio.to_thread(need)


async def _run(body: Body, settings: Settings, health: Health) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    beating = asyncio.create_task(_beat(health))
    try:
        await body(settings, health, stop)
    except BaseException:
        _exit_at_last(1)
        raise
    else:
        _exit_at_last(0)
    finally:
        beating.cancel()


async def _beat(health: Health) -> None:
    while True:
        look_at_calls(health)
        health.beat()
        await asyncio.sleep(_BEAT)


def look_at_calls(health: Health) -> None:
    """Red while database or store does not answer: that a call has failed is known minutes later, after all tries."""
    for called in (calls.DATABASE, calls.STORE):
        if calls.longest(called) > SILENCE:
            health.red(called, f"{called} has not answered a call for {SILENCE:.0f} s")
        else:
            health.green(called)


def _exit_at_last(code: int) -> None:
    """A thread that hangs in a driver must not keep a finished process alive: what it did was not acknowledged."""
    timer = threading.Timer(_LAST_RESORT, os._exit, (code,))
    timer.daemon = True
    timer.start()
