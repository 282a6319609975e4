"""From bytes to an :class:`Ask`, from a recommendation to bytes, and how OpenAPI describes both."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from maitred.catalogue import Filters
from maitred.errors import InvalidInput
from maitred.events import Traffic
from maitred.ids import new_request_id
from services.inference.ask import Ask
from services.inference.parameters import PARAMETERS, Fault, Now, Parameter

__all__ = ["ask_of_body", "ask_of_query"]

_Faults = list[tuple[str, str]]


def ask_of_query(query: bytes, now: datetime) -> Ask:
    """Read the query string of a GET.

    Raises:
        InvalidInput: naming every parameter at fault.
    """
    values: dict[str, Any] = {}
    faults: _Faults = []
    for name, text in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        parameter = PARAMETERS.get(name)
        if parameter is None or not parameter.in_query:
            faults.append((name, "unknown parameter"))
        elif parameter.limit:
            values.setdefault(name, []).append(text)
        elif name in values:
            faults.append((name, "given twice"))
        else:
            values[name] = parameter.from_text(text)
    return _ask(values, faults, now)


def ask_of_body(body: bytes, query: bytes, now: datetime) -> Ask:
    """Read the JSON object of a POST; null is the same as absent.

    Raises:
        InvalidInput: naming every member at fault.
    """
    try:
        record = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _invalid([("body", f"is not JSON: {error}")]) from error
    if not isinstance(record, dict):
        raise _invalid([("body", "must be a JSON object")])
    faults = [(name, "belongs into the body") for name, _ in parse_qsl(query.decode("latin-1"))]
    faults += [(name, "unknown parameter") for name in record if name not in PARAMETERS]
    values = {n: v for n, v in record.items() if v is not None and n in PARAMETERS}
    return _ask(values, faults, now)


def _ask(values: dict[str, Any], faults: _Faults, now: datetime) -> Ask:
    checked = dict(_checked(values, faults))
    faults += _contradictions(values)
    if faults:
        raise _invalid(faults)
    filters = Filters(
        lat=checked.get("lat"),
        lon=checked.get("lon"),
        radius_km=checked.get("radius_km"),
        cuisines=tuple(checked.get("cuisine", ())),
        price_max=checked.get("price_max"),
        open_at=now if checked.get("open_at") is Now else checked.get("open_at"),
        exclude=frozenset(checked.get("exclude", ())),
    )
    return Ask(
        request_id=checked.get("request_id") or new_request_id(),
        user_id=checked.get("user_id"),
        k=checked.get("k", 10),
        objective=checked.get("objective"),
        revenue_weight=checked.get("revenue_weight"),
        filters=filters,
        explain=checked.get("explain", False),
        explore=checked.get("explore", True),
        traffic=checked.get("traffic", Traffic.LIVE),
        history=tuple(checked.get("history", ())),
        local_time=checked.get("context"),
    )


def _checked(values: dict[str, Any], faults: _Faults) -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        parameter = PARAMETERS[name]
        try:
            yield name, _list(parameter, value) if parameter.limit else parameter.check(value)
        except Fault as fault:
            faults.append((name, str(fault)))


def _list(parameter: Parameter, value: object) -> list[Any]:
    if not isinstance(value, list) or len(value) > parameter.limit:
        msg = f"must be a list of at most {parameter.limit}"
        raise Fault(msg)
    return [parameter.check(element) for element in value]


def _contradictions(given: dict[str, Any]) -> _Faults:
    faults = [
        (name, f"needs {other} too")
        for name, other in (("lat", "lon"), ("lon", "lat"))
        if name in given and other not in given
    ]
    if "radius_km" in given and not {"lat", "lon"} <= given.keys():
        faults.append(("radius_km", "needs lat and lon"))
    return faults


def _invalid(faults: _Faults) -> InvalidInput:
    name, reason = faults[0]
    return InvalidInput(f"{name}: {reason}", fields=tuple(faults))
