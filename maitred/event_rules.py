"""What a client's event must say beyond its shape: a known version, real times, sound ids, real currencies.

For doors only. What is in the log already was let in once and is read as it is, for ever.
"""

import re
from collections.abc import Mapping
from typing import Final

from maitred.currencies import CODES, near

__all__ = ["VERSIONS", "faults_of"]

VERSIONS: Final = (1,)
"""Versions of the schema that are understood, oldest first."""

Faults = list[tuple[str, str]]

_MOMENT: Final = re.compile(r"(\d{4})-\d{2}-\d{2}[Tt ]\d{2}:")
_FIRST_YEAR: Final = 1970
_IDS: Final = ("event_id", "user_id", "restaurant_id", "order_id", "request_id")


def faults_of(record: Mapping[str, object]) -> Faults:
    """Return what is wrong as (field, reason), each reason with what to do; missing fields are not.

    Works on the decoded JSON object, before its types are known.
    """
    faults = [
        (name, "holds the character U+0000; leave it out")
        for name in _IDS
        if isinstance(value := record.get(name), str) and "\0" in value
    ]
    return _version(record) + faults + _moment(record) + _currency(record)


def _version(record: Mapping[str, object]) -> Faults:
    version = record.get("schema_version", VERSIONS[-1])
    if type(version) is int and version in VERSIONS:
        return []
    known = ", ".join(map(str, VERSIONS))
    reason = f"{version!r} is not known; known are {known}, see GET /v1/events/schema"
    return [("schema_version", reason)]


def _moment(record: Mapping[str, object]) -> Faults:
    value = record.get("occurred_at", "")
    found = _MOMENT.match(value) if isinstance(value, str) else None
    if value == "" or (found and int(found[1]) >= _FIRST_YEAR):
        return []
    if found:
        return [("occurred_at", f"lies before {_FIRST_YEAR}; is the client's clock set?")]
    return [("occurred_at", "must be a text such as 2026-05-01T19:02:11+02:00 (RFC 3339)")]


def _currency(record: Mapping[str, object]) -> Faults:
    code = record.get("currency")
    if not isinstance(code, str) or code in CODES:
        return []
    meant = f"; did you mean {' or '.join(near(code))}?" if near(code) else ""
    return [("currency", f"{code[:10]!r} is no ISO 4217 code{meant}")]
