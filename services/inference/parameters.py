"""What a request for recommendations may say, as one table.

Requests are read from it, policies are checked by it and OpenAPI is written from it, so that they
cannot differ.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from maitred.events import Traffic
from maitred.geo import HALF_THE_EARTH_KM
from maitred.ids import MAX_ID_CHARS
from maitred.policy import Objective
from services.inference import checks
from services.inference.checks import Fault, Read, Seen
from services.inference.pages import MAX_TOKEN_CHARS

__all__ = ["PARAMETERS", "Parameter"]

MAX_K = 100
MAX_LISTED = 1000
MAX_WORDS = 50
MAX_HISTORY = 100


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    ``check`` takes a decoded JSON value and returns what it means, or raises
    :class:`~services.inference.checks.Fault`; ``from_text`` makes such a value of a query
    parameter's text. Repeatable ones are lists in JSON, and ``check`` takes each element.
    """

    name: str
    check: Read
    schema: Mapping[str, Any]
    description: str
    from_text: Callable[[str], object] = field(default=str)
    limit: int = 0
    """For repeatable ones, how many there may be; 0: not repeatable."""
    in_query: bool = True
    example: object = None

    def meaning(self, value: object) -> Any:  # noqa: ANN401  # of whatever type the check returns
        """Return what a decoded JSON value means, all of a list.

        Raises:
            Fault: with the reason.
        """
        if not self.limit:
            return self.check(value)
        if not isinstance(value, list) or len(value) > self.limit:
            msg = f"must be a list of at most {self.limit}"
            raise Fault(msg)
        return [self.check(element) for element in value]


_ID = {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARS}


def _whole(name: str, high: int, text: str, example: int, **schema: object) -> Parameter:
    said = {"type": "integer", "minimum": 1, "maximum": high, **schema}
    return Parameter(name, checks.whole(1, high), said, text, checks.as_whole, example=example)


def _number(name: str, low: float, high: float, text: str, example: float) -> Parameter:
    said = {"type": "number", "minimum": low, "maximum": high}
    return Parameter(name, checks.number(low, high), said, text, checks.as_number, example=example)


def _flag(name: str, text: str, *, default: bool, example: bool = True) -> Parameter:
    said = {"type": "boolean", "default": default}
    return Parameter(name, checks.flag, said, text, checks.as_flag, example=example)


def _one_of(name: str, kind: Any, text: str, example: str, **schema: object) -> Parameter:  # noqa: ANN401  # a type of enumeration
    said = {"type": "string", "enum": [member.value for member in kind], **schema}
    return Parameter(name, checks.one_of(kind), said, text, example=example)


def _id(
    name: str, text: str, example: object, *, limit: int = 0, in_query: bool = True
) -> Parameter:
    return Parameter(name, checks.text, _ID, text, limit=limit, in_query=in_query, example=example)


_LIST = (
    _id("user_id", "The diner; omitted: anonymous.", "u42"),
    _whole("k", MAX_K, "How many restaurants.", 5, default=10),
    _id(
        "policy",
        "A named policy, whose parameters hold where the request does not set them: see "
        "/v1/policies.",
        "home",
    ),
    _one_of("objective", Objective, "What to rank for; omitted: clicks.", "balanced"),
    _number(
        "revenue_weight",
        0,
        1,
        "The dial: clicks ranked by log p(choice) + weight · log value. Not with an objective "
        "other than balanced.",
        0.25,
    ),
    _number("lat", -90, 90, "Where the diner is, degrees; with lon.", 41.88),
    _number("lon", -180, 180, "Where the diner is, degrees; with lat.", -87.63),
    _number(
        "radius_km",
        0,
        HALF_THE_EARTH_KM,
        "Only restaurants within this distance of lat and lon.",
        5,
    ),
    _flag(
        "delivers",
        "Only restaurants that deliver to lat and lon.",
        default=False,
    ),
    _id("cuisine", "Only restaurants of any of these.", ["Thai"], limit=MAX_WORDS),
    _id(
        "attribute",
        "Only restaurants with all of these: dietary and others.",
        ["Parking/Valet"],
        limit=MAX_WORDS,
    ),
    _whole("price_max", 4, "Only restaurants of this price level or below.", 2),
    Parameter(
        "open_at",
        checks.opening,
        {"type": "string"},
        "Only restaurants open then: 'now', or a time; without offset the restaurant's local time.",
        example="now",
    ),
    _id("exclude", "Restaurants not to show.", ["r00442"], limit=MAX_LISTED),
    _one_of(
        "seen",
        Seen,
        "Whether restaurants that the diner visited, clicked or ordered from are shown.",
        "mask",
        default="keep",
    ),
    _whole(
        "max_per_cuisine",
        MAX_K,
        "At most so many restaurants of one cuisine, the first that each names; more only at the "
        "end of a list that would be short otherwise.",
        3,
    ),
    Parameter(
        "cursor",
        checks.cursor,
        {"type": "string", "minLength": 1, "maxLength": MAX_TOKEN_CHARS},
        "'start' for the first page, then the cursor of the reply before: no page repeats what an "
        "earlier one showed.",
        example="start",
    ),
    _flag("explain", "Say why: contributions that add up to the score.", default=False),
    _flag("explore", "False: the greedy list, propensity 1.", default=True, example=False),
    _id("request_id", "The client's own id; the same one gives the same list.", "req-1"),
    _one_of(
        "traffic",
        Traffic,
        "Who asks. Previews and warm-ups leave no impression.",
        "preview",
        default="live",
    ),
    _id(
        "history",
        "Restaurants that the diner visited, most recent first.",
        ["r00442"],
        limit=MAX_HISTORY,
        in_query=False,
    ),
    Parameter(
        "context",
        checks.context,
        {"type": "object", "properties": {"local_time": {"type": "string"}}},
        "Facts about the moment; local_time, the diner's wall clock, picks the part of the day.",
        in_query=False,
        example={"local_time": "2026-05-01T19:30:00"},
    ),
)

PARAMETERS = {parameter.name: parameter for parameter in _LIST}
"""By name, in the order of the documentation."""
