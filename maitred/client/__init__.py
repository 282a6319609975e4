"""The HTTP API as Python calls, for whoever stands outside: simulator, demo, load tests, users.

It knows only what the public API says. Nothing is tried twice: a caller with 100 ms to spend
decides for itself what a second attempt is worth. Every request and event says what traffic it is.
"""

from maitred.client.addresses import Addresses, find_addresses
from maitred.client.http import EVENTS_PER_CALL, AsyncClient, Client
from maitred.client.messages import (
    Aim,
    Outcome,
    Query,
    Reason,
    Recommendation,
    Recommended,
    Reply,
    Rung,
)

__all__ = [
    "EVENTS_PER_CALL",
    "Addresses",
    "Aim",
    "AsyncClient",
    "Client",
    "Outcome",
    "Query",
    "Reason",
    "Recommendation",
    "Recommended",
    "Reply",
    "Rung",
    "find_addresses",
]
