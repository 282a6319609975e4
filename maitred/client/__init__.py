"""The HTTP API as Python calls, for whoever stands outside: simulator, demo, load tests, users.

It knows only what the public API says. A call has one time for all that it does; what cannot have
been answered is tried again within it, as long as retries stay rare. Every request and event says
what traffic it is.
"""

from maitred.client.addresses import Addresses, find_addresses
from maitred.client.http import DINERS_PER_CALL, EVENTS_PER_CALL, AsyncClient, Client
from maitred.client.lists import BatchReply, Listed, Popular, Similar
from maitred.client.messages import (
    Aim,
    Erasure,
    Outcome,
    Query,
    Reason,
    Recommendation,
    Recommended,
    Reply,
    Rung,
)

__all__ = [
    "DINERS_PER_CALL",
    "EVENTS_PER_CALL",
    "Addresses",
    "Aim",
    "AsyncClient",
    "BatchReply",
    "Client",
    "Erasure",
    "Listed",
    "Outcome",
    "Popular",
    "Query",
    "Reason",
    "Recommendation",
    "Recommended",
    "Reply",
    "Rung",
    "Similar",
    "find_addresses",
]
