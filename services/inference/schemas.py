"""From bytes to an :class:`Ask`: what a request says, checked, and completed by its policy."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from maitred.catalogue import Filters
from maitred.errors import InvalidInput
from maitred.events import Traffic
from maitred.ids import new_request_id
from maitred.policy import Objective
from services.inference.ask import Ask
from services.inference.checks import Fault, Now, Seen
from services.inference.parameters import PARAMETERS
from services.inference.policies import Policies

__all__ = ["ask_of_body", "ask_of_query", "ask_of_record"]

_Faults = list[tuple[str, str]]


def ask_of_query(query: bytes, now: datetime, policies: Policies) -> Ask:
    """Read the query string of a GET.

    Raises:
        InvalidInput: naming every parameter at fault.
    """
    values: dict[str, Any] = {}
    faults: _Faults = []
    for name, text in _pairs(query):
        parameter = PARAMETERS.get(name)
        if parameter is None or not parameter.in_query:
            faults.append((name, "unknown parameter"))
        elif parameter.limit:
            values.setdefault(name, []).append(text)
        elif name in values:
            faults.append((name, "given twice"))
        else:
            values[name] = parameter.from_text(text)
    return _ask(values, faults, now, policies)


def ask_of_body(body: bytes, query: bytes, now: datetime, policies: Policies) -> Ask:
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
    faults = [(name, "belongs into the body") for name, _ in _pairs(query)]
    return ask_of_record(record, now, policies, faults)


def ask_of_record(
    record: Mapping[str, object], now: datetime, policies: Policies, faults: _Faults | None = None
) -> Ask:
    """Read a JSON object that is decoded already; ``faults`` were found before.

    Raises:
        InvalidInput: naming every member at fault.
    """
    unknown = [(name, "unknown parameter") for name in record if name not in PARAMETERS]
    values = {n: v for n, v in record.items() if v is not None and n in PARAMETERS}
    return _ask(values, [*(faults or ()), *unknown], now, policies)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise _invalid([("query", "is not UTF-8")]) from error


def _ask(values: dict[str, Any], faults: _Faults, now: datetime, policies: Policies) -> Ask:
    checked = dict(_checked(values, faults))
    faults += _contradictions(values, checked)
    temperature = None
    if (name := checked.get("policy")) is not None:
        policy = policies.get(name)
        if policy is None:
            faults.append(("policy", f"unknown; there are {', '.join(policies) or 'none'}"))
        else:
            checked, temperature = policy.under(checked), policy.temperature
    if faults:
        raise _invalid(faults)
    return Ask(
        request_id=checked.get("request_id") or new_request_id(),
        user_id=checked.get("user_id"),
        k=checked.get("k", 10),
        objective=checked.get("objective"),
        revenue_weight=checked.get("revenue_weight"),
        filters=_filters(checked, now),
        explain=checked.get("explain", False),
        explore=checked.get("explore", True),
        traffic=checked.get("traffic", Traffic.LIVE),
        history=tuple(checked.get("history", ())),
        local_time=checked.get("context"),
        masks_seen=checked.get("seen") is Seen.MASK,
        max_per_cuisine=checked.get("max_per_cuisine"),
        page=checked.get("cursor"),
        policy=name,
        temperature=temperature,
    )


def _filters(checked: dict[str, Any], now: datetime) -> Filters:
    return Filters(
        lat=checked.get("lat"),
        lon=checked.get("lon"),
        radius_km=checked.get("radius_km"),
        delivers=checked.get("delivers", False),
        cuisines=tuple(checked.get("cuisine", ())),
        attributes=tuple(checked.get("attribute", ())),
        price_max=checked.get("price_max"),
        open_at=now if checked.get("open_at") is Now else checked.get("open_at"),
        exclude=frozenset(checked.get("exclude", ())),
    )


def _checked(values: dict[str, Any], faults: _Faults) -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        parameter = PARAMETERS[name]
        try:
            yield name, parameter.meaning(value) if parameter.limit else parameter.check(value)
        except Fault as fault:
            faults.append((name, str(fault)))


def _contradictions(given: dict[str, Any], checked: dict[str, Any]) -> _Faults:
    """Say what was said in vain: ``given`` as it came, ``checked`` what of it means something."""
    faults = [
        (name, f"needs {other} too")
        for name, other in (("lat", "lon"), ("lon", "lat"))
        if name in given and other not in given
    ]
    if not {"lat", "lon"} <= given.keys():
        needy = {"radius_km": "radius_km" in given, "delivers": checked.get("delivers", False)}
        faults += [(name, "needs lat and lon") for name, needs in needy.items() if needs]
    aim = checked.get("objective", Objective.BALANCED)
    if "revenue_weight" in given and aim is not Objective.BALANCED:
        reason = f"cannot be combined with objective={aim}; omit one of the two"
        faults.append(("revenue_weight", reason))
    return faults


def _invalid(faults: _Faults) -> InvalidInput:
    name, reason = faults[0]
    return InvalidInput(f"{name}: {reason}", fields=tuple(faults))
