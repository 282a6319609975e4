"""The door for many diners at once."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response

from maitred.errors import InvalidInput
from services.inference.ask import Ask
from services.inference.batch import Batch, budget_s
from services.inference.deadline import Deadline
from services.inference.deps import Dependencies
from services.inference.parameters import PARAMETERS
from services.inference.paths import CATALOGUE_VERSION, MAX_DINERS
from services.inference.recommend import Recommendation
from services.inference.replies import labels_of, members_of
from services.inference.schemas import ask_of_record
from services.inference.slices import Slices
from services.inference.snapshot import Snapshot

__all__ = ["batch"]

_MAX_FAULTS = 100

_Record = dict[str, Any]
_Faults = list[tuple[str, str]]


async def batch(request: Request) -> Response:
    """Answer ``POST /v1/recommendations/batch``."""
    deps: Dependencies = request.app.state.dependencies
    single_ms = deps.settings.budget_ms
    waited_s = min(deps.admission.lag_s, single_ms / 2000)
    body = await request.body()
    defaults, diners = _read(body, request.scope["query_string"])
    within_s = budget_s(single_ms, len(diners))
    deadline = Deadline(deps.clock, within_s, waited_s=waited_s)
    async with deps.turnstile as slices:
        snapshot = deps.snapshots.now  # one for all: replies of a batch belong together
        asks = await _asks(defaults, diners, deps, snapshot, slices)
        return await _reply(deps, asks, snapshot, deadline, slices)


async def _reply(
    deps: Dependencies, asks: list[Ask], snapshot: Snapshot, deadline: Deadline, slices: Slices
) -> Response:
    metrics = deps.metrics
    replies: list[bytes] = []

    def done(made: Recommendation) -> None:
        deps.meter.listed(labels_of(made))
        deadline.laps.clear()  # of one diner; the whole batch is one step to an operator
        members = members_of(made, deadline.elapsed_s)
        replies.append(orjson.dumps(members, option=orjson.OPT_SERIALIZE_NUMPY))

    await Batch(deps.recommender).recommend(asks, snapshot, deadline, slices, done)
    took_s = deadline.elapsed_s
    metrics.batch_diners.inc(len(asks))
    metrics.batch_latency.observe(took_s)
    tail = b'],"took_ms":%s}' % orjson.dumps(round(took_s * 1000, 3))
    content = b'{"replies":[' + b",".join(replies) + tail
    headers = {CATALOGUE_VERSION: snapshot.catalogue_version}
    return Response(content, headers=headers, media_type="application/json")


def _read(body: bytes, query: bytes) -> tuple[_Record, list[Any]]:
    """Return what holds for all diners, and the diners.

    Raises:
        InvalidInput: naming what is wrong with the batch as such.
    """
    try:
        record = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _invalid([("body", f"is not JSON: {error}")]) from error
    if not isinstance(record, dict):
        raise _invalid([("body", "must be a JSON object")])
    faults = [(name, "belongs into the body") for name, _ in parse_qsl(query.decode("latin-1"))]
    diners = record.pop("diners", None)
    if not isinstance(diners, list) or not 1 <= len(diners) <= MAX_DINERS:
        faults.append(("diners", f"must be a list of 1 to {MAX_DINERS} objects"))
    faults += [(name, "unknown parameter") for name in record if name not in PARAMETERS]
    if faults:
        raise _invalid(faults)
    return record, diners


async def _asks(
    defaults: _Record, diners: list[Any], deps: Dependencies, snapshot: Snapshot, slices: Slices
) -> list[Ask]:
    now = deps.clock.now()
    asks, faults = [], dict[tuple[str, str], None]()
    for number, own in enumerate(diners):
        try:
            if not isinstance(own, dict):
                raise _invalid([("", "must be an object")])
            said = {name: value for name, value in own.items() if value is not None}
            ask = ask_of_record(defaults | said, now, deps.policies)
            deps.recommender.check(ask, snapshot)
            asks.append(ask.behind(deps.pseudonyms))
        except InvalidInput as error:
            faults |= dict.fromkeys(_named(error, own, number))
        await slices.breathe()
        if len(faults) > _MAX_FAULTS:
            break
    if faults:
        raise _invalid(list(faults))
    return asks


def _named(error: InvalidInput, own: object, number: int) -> Iterator[tuple[str, str]]:
    """Name the diner at fault; what came from the defaults is the batch's own."""
    for name, reason in error.fields:
        if isinstance(own, dict) and name not in own:
            yield name, reason
        else:
            yield f"diners[{number}].{name}".rstrip("."), reason


def _invalid(faults: _Faults) -> InvalidInput:
    name, reason = faults[0]
    return InvalidInput(f"{name}: {reason}", fields=tuple(faults))
