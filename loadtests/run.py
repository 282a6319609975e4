"""``make load``: people and an open loop against the running stack, for each objective, and a verdict.

The exit code is the verdict: 0 passed, 1 failed, 3 void (the generator was late, so the figures are
not the service's). Everything asked says ``traffic=load``: nothing learns from it.
"""

import argparse
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from loadtests import children
from loadtests.arrivals import Arrivals
from loadtests.known import write_known_diners
from loadtests.plots import latency_curves
from loadtests.reports import REPORTS, footnote, provenance, write
from loadtests.slo import SLO_FILE, Outcome, Slo, read_slo
from loadtests.stack import Stack, likely_state, running
from loadtests.tables import load_table
from maitred.cli import report
from maitred.client import Aim
from maitred.client.waits import LATE_MS, P999_FROM
from maitred.clock import SystemClock
from maitred.errors import MaitredError
from maitred.settings import load

__all__ = ["main", "parse"]

_DEFAULT_RATE = 200.0
_ENOUGH = 1.04 * P999_FROM
"""Requests offered by default: four standard deviations above where p99.9 may be stated."""

Runs = dict[str, dict[str, object]]


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--state", type=Path, help="state folder of the stack (default: MAITRED_STATE_DIR)")
    add("--url", help="load this inference service instead, wherever it runs")
    add("--objectives", nargs="+", default=["clicks", "revenue"], metavar="NAME", help="or w=0.25")
    add("--rate", type=float, help="requests due per second (default: the rated load of the bench)")
    add(
        "--seconds", type=float, help="of open loop for each objective (default: p99.9 can be told)"
    )
    add("--arrivals", type=Arrivals, choices=list(Arrivals), default=Arrivals.POISSON)
    add("--people", type=int, default=20, help="locust users; 0 leaves locust out")
    add("--people-seconds", type=float, default=8.0, help="how long they browse")
    add("--users-file", type=Path, help="known diners (default: those of the served model)")
    add("--slo", type=Path, default=SLO_FILE, help="the limits")
    add("--seed", type=int, default=7)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the load; return the verdict as an exit code."""
    options = parse(arguments)
    slo = read_slo(options.slo)
    aims = [Aim.named(name) for name in options.objectives]
    rate = options.rate or _rated()
    seconds = options.seconds or min(max(_ENOUGH / rate, 5.0), 120.0)
    with _target(options) as target:
        url, catalogue, users = _place(target)
        users = options.users_file or users
        people: Runs = {}
        offered: Runs = {}
        raw: dict[str, NDArray[np.float64]] = {}
        flags = ["--arrivals", options.arrivals, "--seed", str(options.seed)]
        flags += ["--users-file", str(users)] if users else []
        flags += ["--catalogue", str(catalogue)] if catalogue else []
        for aim in aims:
            if options.people:
                people[aim.name] = children.locust(
                    url, aim, users=options.people, seconds=options.people_seconds, users_file=users
                )
            offered[aim.name], raw[aim.name] = children.open_loop(
                url, aim, rate=rate, seconds=seconds, options=flags
            )
    verdict = _verdict(slo, offered)
    content = provenance(SystemClock(), "python -m loadtests.run " + " ".join(arguments)) | {
        "rate_per_s": rate,
        "arrivals": options.arrivals.value,
        "known_diners": users is not None,
        "open_loop": offered,
        "people": people,
        "verdict": verdict.name.lower(),
    }
    markdown = _markdown(content, offered, people, slo)
    write("load", content, markdown, latency_curves(raw, title="Latency", limit_ms=LATE_MS))
    sys.stdout.write(markdown)
    return verdict.value


def _target(options: argparse.Namespace) -> AbstractContextManager[Stack | str]:
    if options.url:
        return nullcontext(str(options.url).rstrip("/"))
    return running(options.state or likely_state(load().state_dir))


def _place(target: Stack | str) -> tuple[str, Path | None, Path | None]:
    """Return the URL, the served catalogue's model folder and a file of known diners."""
    if isinstance(target, str):
        return target, None, None
    return target.inference_url, target.model_folder("clicks"), write_known_diners(target)


def _rated() -> float:
    try:
        rate = orjson.loads((REPORTS / "bench-serve.json").read_bytes())["rated_per_s"]
    except (OSError, ValueError, KeyError):
        return _DEFAULT_RATE
    return float(rate)


def _verdict(slo: Slo, offered: Runs) -> Outcome:
    """A failure is a failure, whatever else was void."""
    outcomes = {slo.judge(summary) for summary in offered.values()}
    for outcome in (Outcome.FAILED, Outcome.VOID):
        if outcome in outcomes:
            return outcome
    return Outcome.PASSED


def _markdown(content: dict[str, object], offered: Runs, people: Runs, slo: Slo) -> str:
    lines = ["# Load", ""]
    lines += [
        f"Open loop, {content['arrivals']} arrivals, {content['rate_per_s']:g} due per second;"
    ]
    lines += ["latency from the moment a request was due.", "", load_table(offered), ""]
    if people:
        lines += ["People (locust; they wait for each reply, so this decides nothing).", ""]
        lines += [load_table(people), ""]
    for name, summary in offered.items():
        held = "; ".join(
            f"{c.name} {'not stated' if c.value is None else f'{c.value:g}'} (limit {c.limit:g})"
            for c in slo.checks(summary)
        )
        lag = summary["send_lag_p999_ms"]
        lines.append(
            f"- {name}: **{slo.judge(summary).name.lower()}**: {held}; send lag p99.9 {lag} ms"
        )
    if not content["known_diners"]:
        lines += ["", "No known diners were named (--users-file): only cold rungs were loaded."]
    return "\n".join([*lines, "", footnote(content), ""])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MaitredError as error:
        report(error)
        sys.exit(error.exit_code)
