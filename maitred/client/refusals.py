"""What a service's answer means in our own errors and types."""

from collections.abc import Mapping
from typing import TypeVar

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from maitred.errors import (
    InvalidInput,
    MaitredError,
    NotFound,
    OutOfContract,
    Overloaded,
    Refused,
    TooLarge,
    Unauthorised,
    Unavailable,
)

__all__ = ["accepted", "checked", "mapping", "unreachable"]

_Part = TypeVar("_Part", bound=BaseModel)

_BY_STATUS: Mapping[int, type[MaitredError]] = {
    401: Unauthorised,
    404: NotFound,
    413: TooLarge,
    422: InvalidInput,
    429: Overloaded,
}


def checked(response: httpx.Response, model: type[_Part]) -> _Part:
    """Return a body as what it should be.

    Raises:
        OutOfContract: naming the first place that is not.
    """
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        msg = f"{response.url} answered outside the contract: {where}: {first['msg']}"
        raise OutOfContract(msg) from error


def mapping(response: httpx.Response) -> Mapping[str, object]:
    """Return a body as JSON.

    Raises:
        OutOfContract: if it is none.
    """
    try:
        record = orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        msg = f"{response.url} answered with something that is not JSON"
        raise OutOfContract(msg) from error
    return record if isinstance(record, dict) else {}


def accepted(response: httpx.Response) -> httpx.Response:
    """Return a response that says yes.

    Raises:
        MaitredError: the one that fits the status of one that says no.
    """
    if response.is_success:
        return response
    error = _BY_STATUS.get(response.status_code)
    if error is None:
        error = Unavailable if response.is_server_error else Refused
    detail, fields, next_step = _problem(response)
    msg = f"{response.url.path} answered {response.status_code}: {detail}"
    raise error(msg, fields=fields, next_step=next_step)


def _problem(response: httpx.Response) -> tuple[str, tuple[tuple[str, str], ...], str | None]:
    """Read RFC 9457 problem details and our ``next_step``, as far as there are any."""
    try:
        problem = orjson.loads(response.content)
        fields = tuple((str(e["field"]), str(e["reason"])) for e in problem.get("errors", ()))
        detail = str(problem.get("detail") or problem.get("title") or response.reason_phrase)
        return detail, fields, problem.get("next_step")
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return response.reason_phrase, (), None


def unreachable(url: str, error: httpx.HTTPError) -> Unavailable:
    """Return the error for a service that gave no whole answer."""
    late = isinstance(error, httpx.TimeoutException)
    msg = f"{url} did not answer in time" if late else f"{url} cannot be reached: {error}"
    return Unavailable(msg, next_step="`maitred status` says what runs and where")
