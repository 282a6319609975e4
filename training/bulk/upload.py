"""Writes restaurants in calls of bounded size and number, and finds the row behind every refusal."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
import orjson

from maitred.client.paths import in_path
from maitred.clock import Clock
from maitred.errors import MaitredError, NotFound, Refused, Unauthorised, Unavailable
from training.bulk.rows import Row

__all__ = ["Door", "Fault", "Written"]

CALL_ROWS = 500
CALL_BYTES = 900_000
TRIES = 6
FIRST_WAIT_S = 0.2
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row was not written."""

    row: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a part was not written to its end, and its first row that was not."""

    row: int
    error: MaitredError


@dataclass(slots=True)
class Written:
    """What became of all rows."""

    created: int = 0
    replaced: int = 0
    faults: list[Fault] = field(default_factory=list)
    stop: Stop | None = None
    """None: every row was written or is at fault. Else no row before the one it names is open."""

    def add(self, some: "Written") -> None:
        """Take in what became of some of the rows; of two stops the one further up holds."""
        self.created += some.created
        self.replaced += some.replaced
        self.faults += some.faults
        if some.stop and (self.stop is None or some.stop.row < self.stop.row):
            self.stop = some.stop


class Door:
    """The service's routes for restaurants; use it as a context manager."""

    def __init__(self, url: str, key: str, clock: Clock) -> None:
        self._clock = clock
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def show(self, restaurant_id: str) -> dict[str, Any]:
        """Return a restaurant as it is now."""
        found: dict[str, Any] = self._call("GET", _path(restaurant_id)).json()
        return found

    def delete(self, restaurant_id: str) -> None:
        """Take a restaurant away."""
        self._call("DELETE", _path(restaurant_id))

    def put(
        self, rows: Sequence[Row], *, calls: int, advance: Callable[[int], None] = lambda _: None
    ) -> Written:
        """Write all rows, ``calls`` at a time; rows at fault are left out and named.

        If the service stays away, or refuses more than single rows, no further call is begun,
        those under way are waited for, and ``stop`` says why and from which row to go on.
        """
        done, distinct = _without_doubles(rows)
        waiting: set[Future[Written]] = set()
        with ThreadPoolExecutor(calls) as pool:
            for part in _parts(distinct):
                if len(waiting) >= calls:
                    waiting = _collect(waiting, done, advance)
                if done.stop:
                    break
                waiting.add(pool.submit(self._write, part))
            while waiting:
                waiting = _collect(waiting, done, advance)
        done.faults.sort(key=lambda fault: fault.row)
        return done

    def _write(self, part: Sequence[Row]) -> Written:
        done, left = Written(), list(part)
        while left:
            try:
                reply = self._ask(left)
                faults = [] if reply.is_success else _faults_of(reply, left)
            except MaitredError as error:
                done.stop = Stop(left[0][0], error)
                return done
            if reply.is_success:
                counts = reply.json()
                done.created, done.replaced = counts["created"], counts["replaced"]
                return done
            done.faults += faults
            bad = {fault.row for fault in faults}
            left = [row for row in left if row[0] not in bad]
        return done

    def _ask(self, rows: Sequence[Row]) -> httpx.Response:
        body = orjson.dumps({"restaurants": [row for _, row in rows]})
        for attempt in range(TRIES):
            if attempt:
                self._clock.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
            try:
                reply = self._http.post("/v1/restaurants", content=body)
            except httpx.TransportError:
                reply = None
            if reply is not None and reply.status_code not in {429, 502, 503}:
                return reply
        msg = f"the service did not take row {rows[0][0]} and those after it"
        raise Unavailable(msg, next_step=f"run the same again with --start {rows[0][0]}")

    def _call(self, method: str, path: str) -> httpx.Response:
        try:
            reply = self._http.request(method, path)
        except httpx.TransportError as error:
            msg = f"the service at {self._http.base_url} does not answer: {error}"
            raise Unavailable(msg, next_step="is it running? maitred status") from error
        if not reply.is_success:
            raise _refusal(reply)
        return reply


def _collect(
    waiting: set[Future[Written]], done: Written, advance: Callable[[int], None]
) -> set[Future[Written]]:
    finished, still = wait(waiting, return_when=FIRST_COMPLETED)
    for future in finished:
        some = future.result()
        done.add(some)
        advance(some.created + some.replaced + len({fault.row for fault in some.faults}))
    return still


def _without_doubles(rows: Sequence[Row]) -> tuple[Written, list[Row]]:
    first: dict[object, int] = {}
    done, distinct = Written(), []
    for number, row in rows:
        name = row.get("restaurant_id")
        earlier = first.setdefault(name, number) if isinstance(name, str) else number
        if earlier == number:
            distinct.append((number, row))
        else:
            done.faults.append(Fault(number, "restaurant_id", f"stands in row {earlier} already"))
    return done, distinct


def _parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        more = len(orjson.dumps(row[1])) + 1
        if part and (len(part) == CALL_ROWS or size + more > CALL_BYTES):
            yield part
            part, size = [], 0
        part.append(row)
        size += more
    if part:
        yield part


def _faults_of(reply: httpx.Response, rows: Sequence[Row]) -> list[Fault]:
    """Return which rows a refusal is about; raises it if it is about something else."""
    faults = []
    for error in _problem(reply).get("errors", []):
        place, number, *rest = [*str(error["field"]).split("."), ""]
        if place == "restaurants" and number.isdigit() and int(number) < len(rows):
            name = ".".join(part for part in rest if part)
            faults.append(Fault(rows[int(number)][0], name, str(error["reason"])))
    if reply.status_code != httpx.codes.UNPROCESSABLE_ENTITY or not faults:
        raise _refusal(reply)
    return faults


def _refusal(reply: httpx.Response) -> MaitredError:
    problem = _problem(reply)
    kinds: dict[int, type[MaitredError]] = {401: Unauthorised, 404: NotFound, 503: Unavailable}
    kind = kinds.get(reply.status_code, Refused)
    detail = str(problem.get("detail", f"the service answered {reply.status_code}"))
    return kind(detail, next_step=problem.get("next_step"))


def _problem(reply: httpx.Response) -> dict[str, Any]:
    try:
        body = orjson.loads(reply.content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _path(restaurant_id: str) -> str:
    return f"/v1/restaurants/{in_path(restaurant_id)}"
