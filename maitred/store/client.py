"""Connections to Redis with time-outs that fit a budget, and the edge where its errors end.

redis-py's defaults (5 s time-out, 10 retries with backoff) would keep a GET waiting for most of a
minute on a stopped server: here a call is tried once, within its time, and then says so.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from maitred.errors import StoreUnavailable
from maitred.settings import Settings

__all__ = ["AsyncRedis", "Redis", "connect", "connect_async", "redis_url", "translated"]

_EMBEDDED_PORT = 6390

Redis = redis.Redis
AsyncRedis = redis.asyncio.Redis


def redis_url(settings: Settings) -> str:
    """Return the Redis that settings name, else where the embedded one listens."""
    return settings.redis_url or f"redis://127.0.0.1:{settings.valkey_port or _EMBEDDED_PORT}"


@contextmanager
def translated() -> Iterator[None]:
    """Turn redis-py's errors into :class:`StoreUnavailable`."""
    try:
        yield
    except (redis.RedisError, OSError, TimeoutError) as error:
        msg = f"Redis did not answer: {str(error) or type(error).__name__}"
        raise StoreUnavailable(msg, next_step="is it running? maitred status") from error


@contextmanager
def connect(url: str, *, timeout_s: float = 5.0) -> Iterator[Redis]:
    """Yield a blocking client for programs that may wait: training, consumers, commands.

    Connects on first use; a call that takes longer than ``timeout_s`` raises redis-py's error,
    which callers meet inside :func:`translated`.
    """
    client = redis.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield client
    finally:
        client.close()


@asynccontextmanager
async def connect_async(
    url: str, *, timeout_s: float, connections: int = 16
) -> AsyncIterator[AsyncRedis]:
    """Yield a client for an event loop: a bounded pool that waits instead of raising when full.

    Both the wait for a connection and each reply are bounded by ``timeout_s``.
    """
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
    )
    client = redis.asyncio.Redis(connection_pool=pool)
    try:
        yield client
    finally:
        await client.aclose()
        await pool.disconnect()
