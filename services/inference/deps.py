"""Composition root of the inference service: settings in, everything it works with out."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from maitred.clock import Clock
from maitred.observability import Metrics
from maitred.pseudonyms import Pseudonyms
from maitred.settings import Settings
from maitred.store.catalogue import CatalogueStore
from maitred.store.client import Redis, connect, connect_async, redis_url
from maitred.store.loader import ModelLoader
from maitred.store.reader import open_reader
from maitred.store.remembered import Memory
from services.inference.admission import Admission
from services.inference.breadth import open_breadth
from services.inference.channel import (
    Channel,
    LocalChannel,
    Outlet,
    SocketChannel,
    one_by_one,
)
from services.inference.follow import Follow
from services.inference.impressions import ImpressionLog
from services.inference.lookups import Lookups
from services.inference.meter import Meter
from services.inference.policies import Policies, load_policies
from services.inference.recommend import Recommender
from services.inference.slices import Turnstile
from services.inference.snapshot import EMPTY, Snapshots
from services.inference.watch import Watch

__all__ = ["Dependencies", "assemble"]

GIVE_UP_BUDGETS = 4
"""After how many budgets a connection is given up; a reader is answered after one."""
ADMIN_TIMEOUT_S = 2.0
"""How long a look for models or an administrator may wait for Redis; diners never do."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the routes work with."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    redis: Redis
    """Blocking: for administrators and the loader only."""
    snapshots: Snapshots
    watch: Watch
    follow: Follow
    restaurants: CatalogueStore
    """Blocking: for administrators only."""
    admission: Admission
    meter: Meter
    recommender: Recommender
    turnstile: Turnstile
    lookups: Lookups
    policies: Policies
    pseudonyms: Pseudonyms
    """Of the diners who ask, for the doors alone."""


@asynccontextmanager
async def assemble(
    settings: Settings, clock: Clock, metrics: Metrics, *, outlet: Outlet | None = None
) -> AsyncIterator[Dependencies]:
    """Yield the service, ready and warm; neither Redis nor Kafka has to be there.

    ``outlet`` takes impressions; unless given, the relay does, and Kafka where none was started.

    Raises:
        UsageError: if the file of policies says what means nothing.
    """
    policies = load_policies(settings.policies)
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(connect(redis_url(settings), timeout_s=ADMIN_TIMEOUT_S))
        fast = await stack.enter_async_context(
            connect_async(
                redis_url(settings), timeout_s=GIVE_UP_BUDGETS * settings.redis_budget_ms / 1000
            )
        )
        reader = await stack.enter_async_context(open_reader(fast))
        channel = _channel(settings, clock, metrics, stack, outlet)
        later = asyncio.get_running_loop().call_later
        impressions = ImpressionLog(channel, metrics, later=later)
        stack.push_async_callback(impressions.close)
        breadth = stack.enter_context(open_breadth())
        snapshots = Snapshots()
        stack.callback(snapshots.swap, EMPTY)  # an app that has ended keeps no model mapped
        admission = Admission(clock, metrics)
        loader = ModelLoader(redis, settings.state_dir / "models")
        restaurants = CatalogueStore(redis)
        memory = Memory(settings.state_dir / "catalogue")
        follow = Follow(restaurants, memory, snapshots, metrics, clock)
        pseudonyms = Pseudonyms.of(settings)
        watch = Watch(
            loader,
            snapshots,
            metrics,
            clock,
            worker=str(os.getpid()),
            follow=follow,
            pseudonyms=pseudonyms,
        )
        recommender = Recommender(settings, clock, metrics, snapshots, reader, breadth, impressions)
        await follow.start()
        await watch.start()
        meter = Meter(metrics)
        for endless in (follow.run(), watch.run(), admission.watch(), meter.run()):
            stack.push_async_callback(_end, asyncio.create_task(endless))
        yield Dependencies(
            settings, clock, metrics, redis, snapshots, watch, follow, restaurants, admission, meter,
            recommender, Turnstile(admission, clock), Lookups(breadth),
            policies, pseudonyms,
        )  # fmt: skip


def _channel(
    settings: Settings,
    clock: Clock,
    metrics: Metrics,
    stack: AsyncExitStack,
    outlet: Outlet | None,
) -> Channel:
    """Return the way of impressions: to ``outlet``, else to the relay, else from here to Kafka."""
    if outlet is not None:
        return LocalChannel(one_by_one(outlet))
    if settings.impressions_fd is not None:
        return SocketChannel(settings.impressions_fd)
    from services.inference.outlet import open_outlet  # noqa: PLC0415  # Kafka's client

    return LocalChannel(stack.enter_context(open_outlet(settings, clock, metrics)))


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
