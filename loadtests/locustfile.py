"""People in front of a page: locust users who look, think and look again.

    locust -f loadtests/locustfile.py --host http://127.0.0.1:8080 --headless -u 20 -r 5 -t 30s

Flags of ours: --scenario, --objective, --revenue-weight, --explain, --users-file, --summary-file.
Locust's users wait for replies, so this shows what people feel, and the open loop decides the SLO
(ADR 0060). Where a scenario's rate varies, the number of users does, up to -u over -t.
Locust patches the standard library when it is imported: only this file imports it, and first.
"""
# ruff: noqa: I001  # locust first, then the path to our own packages, then they

from locust import FastHttpUser, LoadTestShape, between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

import sys
from collections import Counter
from itertools import count
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import ClassVar

import gevent  # type: ignore[import-untyped]
import orjson
from typing_extensions import override

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from loadtests.crowd import Crowd, target
from loadtests.judge import Judge
from loadtests.places import ask_places
from loadtests.scenarios import SCENARIOS, Scenario, scenario_named
from loadtests.tables import load_table
from loadtests.users import USERS_FILE, read_users
from maitred.client import Aim
from maitred.client.waits import Percentiles
from maitred.errors import MaitredError

_SHAPED_S = 60.0
_SPAWNS_PER_S = 100.0

_user_numbers = count()


def add_flags(parser: LocustArgumentParser) -> None:
    """Add our flags to locust's."""
    add = parser.add_argument
    add("--scenario", default="browse", help=", ".join(SCENARIOS))
    add("--objective", default=None, help="clicks, revenue or balanced")
    add("--revenue-weight", type=float, default=None, help="turn the dial, 0 to 1")
    add("--explain", action="store_true", help="ask for reasons with every list")
    add("--users-file", default=None, help=f"known diners, an id a line (default: {USERS_FILE})")
    add("--summary-file", default=None, help="write the figures here as JSON")


class Tally:
    """What the replies said, beside what locust counts."""

    def __init__(self) -> None:
        self.latencies_ms: list[float] = []
        self.failures: Counter[str] = Counter()
        self.rungs: Counter[str] = Counter()
        self.degraded: Counter[str] = Counter()

    def summary(self) -> dict[str, object]:
        """Return the figures in the form of the open loop's."""
        return {
            **Percentiles.of(self.latencies_ms).rounded(),
            "failures": self.failures.total(),
            "failures_by_kind": dict(self.failures),
            "rungs": dict(self.rungs),
            "degraded": dict(self.degraded),
        }


def prepare(environment: Environment, **_: object) -> None:
    """Read the diners once; one process has one tally."""
    options = environment.parsed_options
    path = Path(options.users_file) if options and options.users_file else USERS_FILE
    named = bool(options and options.users_file)
    try:
        scenario = scenario_named(options.scenario if options else "browse")
        users = read_users(path) if named or path.is_file() else ()
        places = ask_places(environment.host or Browser.host) if scenario.needs_places else ()
    except MaitredError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    Browser.scenario, Browser.crowd, Browser.tally = scenario, Crowd(users, places), Tally()
    if scenario.varies and options:
        environment.shape_class = ScenarioShape(
            scenario, users=options.num_users or 20, seconds=options.run_time or _SHAPED_S
        )
        environment.shape_class.runner = environment.runner
    # The loop's clock stood still during the imports above; timers would end the run by that early.
    gevent.get_hub().loop.update_now()


class ScenarioShape(LoadTestShape):
    """As many users as the scenario's shape has at each moment, the most of them at its peak."""

    abstract = True  # made by `prepare` with what the command line says, not by locust
    use_common_options: ClassVar[bool] = True

    def __init__(self, scenario: Scenario, *, users: int, seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        peak = max(share for _, share in scenario.shape)
        self._schedule = scenario.schedule(users / peak, seconds)

    @override
    def tick(self) -> tuple[int, float] | None:
        """Return how many users there shall be now; None: it is over."""
        at_s = self.get_run_time()  # type: ignore[no-untyped-call]
        if at_s >= self._schedule.seconds:
            return None
        return max(ceil(self._schedule.rate_at(at_s)), 1), _SPAWNS_PER_S


class Browser(FastHttpUser):
    """A diner who looks for a place to eat."""

    host = "http://127.0.0.1:8080"
    wait_time = between(0.1, 0.5)
    scenario = SCENARIOS["browse"]
    crowd = Crowd()
    tally = Tally()

    @override
    def on_start(self) -> None:
        """Start this diner's own stream of queries."""
        options = self.environment.parsed_options
        self.aim = Aim(options.objective, options.revenue_weight)
        stream, seed = self.scenario.stream, next(_user_numbers)
        self.queries = stream(self.crowd, self.aim, explain=options.explain, seed=seed)
        self.judge = Judge()

    @task
    def look(self) -> None:
        """Ask for one list and judge it."""
        query = next(self.queries)
        tally = self.tally
        started = perf_counter()
        with self.client.get(target(query), name=self.aim.name, catch_response=True) as reply:
            waited_ms = (perf_counter() - started) * 1e3
            verdict = self.judge.judge(query, reply.status_code, reply.content or b"", waited_ms)
            tally.latencies_ms.append(waited_ms)
            if verdict.failure is not None:
                tally.failures[verdict.failure.value] += 1
                reply.failure(verdict.failure.value)
            if verdict.rung is not None:
                tally.rungs[verdict.rung] += 1
            if verdict.degraded is not None:
                tally.degraded[verdict.degraded] += 1


def show(environment: Environment, **_: object) -> None:
    """Print exact percentiles, failures and rungs; locust's own table rounds."""
    options = environment.parsed_options
    summary = Browser.tally.summary()
    name = Aim(options.objective, options.revenue_weight).name if options else "clicks"
    closed = "Closed loop: users wait for each reply, so a stall shows in few requests.\n"
    sys.stdout.write("\n" + closed + load_table({name: summary}) + "\n")
    if options and options.summary_file:
        Path(options.summary_file).write_bytes(orjson.dumps(summary))


events.init_command_line_parser.add_listener(add_flags)  # type: ignore[no-untyped-call]
events.init.add_listener(prepare)  # type: ignore[no-untyped-call]
events.quitting.add_listener(show)  # type: ignore[no-untyped-call]
