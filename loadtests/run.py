"""``make load``: people and an open loop against the running stack, for each objective, and a verdict.

The exit code is the verdict: 0 passed, 1 failed, 3 void (the generator was late, or a fault that was
asked for did not happen, so the figures say nothing). Everything asked says ``traffic=load``:
nothing learns from it.
"""

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtests import prepared
from loadtests.arrivals import Arrivals
from loadtests.beside import Trainings, training_beside
from loadtests.campaign import Campaign, Place, Result, rated_per_s
from loadtests.charts import rungs_chart
from loadtests.faults import Fault, KafkaKill, ValkeyStall
from loadtests.page import drawn_timeline, page
from loadtests.plots import latency_curves
from loadtests.reports import REPORTS, provenance, write
from loadtests.scenarios import SCENARIOS, Scenario, scenario_named
from loadtests.shapes import sheet
from loadtests.slo import SLO_FILE, Outcome, Slo, read_slo, worst
from loadtests.stack import Stack
from loadtests.timeline import timeline
from loadtests.upgrades import Reload, Swap
from loadtests.verdicts import markdown
from maitred.cli import reporting
from maitred.client import Aim
from maitred.client.waits import LATE_MS
from maitred.clock import Clock, SystemClock
from maitred.errors import MaitredError, UsageError

__all__ = ["main", "parse"]

_FAULTS = ("valkey-stall", "kafka-kill", "swap", "reload")
_ALL = "all"
_NO_MODEL = (
    "void, since the stack serves no model and so only its lowest rung was loaded; "
    "train, publish and promote one: `maitred status`"
)
_SIGTERM_EXIT = 128 + signal.SIGTERM


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="scenarios:\n" + "\n".join(f"  {s.name}: {s.summary}" for s in SCENARIOS.values()),
    )
    add = parser.add_argument
    add("--state", type=Path, help="state folder of the stack (default: MAITRED_STATE_DIR)")
    add("--url", help="load this inference service instead, wherever it runs")
    add("--objectives", nargs="+", default=["clicks", "revenue"], metavar="NAME", help="or w=0.25")
    add("--scenario", nargs="+", default=["browse"], metavar="NAME", help=", ".join(SCENARIOS))
    add("--rate", type=float, help="requests due per second (default: the rated load of the bench)")
    add("--seconds", type=float, help="of open loop a run (default: until p99.9 can be told)")
    add("--minutes", type=float, help="the same in minutes")
    add("--arrivals", type=Arrivals, choices=list(Arrivals), default=Arrivals.POISSON)
    add("--people", type=int, default=20, help="locust users; 0 leaves locust out")
    add("--people-seconds", type=float, default=3.0, help="how long they browse")
    add("--users-file", type=Path, help="known diners (default: those of the served model)")
    add("--faults", metavar="LIST", help=f"then again with these: {','.join(_FAULTS)}; or {_ALL}")
    add("--second-run", type=Path, metavar="RUN", help="published for swap if it lacks a version")
    add("--knee", type=float, help="requests per second, for overload (default: looked for)")
    add("--train-beside", action="store_true", help="a niced single-thread training all the while")
    add("--train-data", type=Path, metavar="DATASET", help="for it (default: Entree, else a city)")
    add("--slo", type=Path, default=SLO_FILE, help="the limits")
    add("--seed", type=int, default=7)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the load; return the verdict as an exit code."""
    options = parse(arguments)
    clock, slo = SystemClock(), read_slo(options.slo)
    aims = [Aim.named(name) for name in options.objectives]
    scenarios = [scenario_named(name) for name in options.scenario]
    kinds = _fault_kinds(options)
    with _target(options) as target:
        campaign = _campaign(options, Place.of(target, options.users_file), clock)
        faults, notes = _faults(kinds, target, clock, options)
        with _beside(options) as trainings:
            for scenario in scenarios:
                for aim in aims:
                    _play(campaign, aim, scenario, options)
            if faults:
                if not all(f.has_one_catalogue() for f in faults if isinstance(f, Swap)):
                    campaign.place = replace(campaign.place, catalogue=None)
                    notes.append(
                        "the swapped models have other restaurants: filters were not judged"
                    )
                campaign.with_faults(aims[0], scenarios[0], faults)
    has_model = not isinstance(target, Stack) or any(target.models.values())
    if not has_model:
        notes.append(_NO_MODEL)
    if trainings is not None:
        notes.append(trainings.said or f"beside it {trainings.finished} trainings were finished")
    if campaign.place.users is None:
        notes.append("no known diners were named (--users-file): only cold rungs were loaded")
    content = provenance(clock, "python -m loadtests.run " + " ".join(arguments))
    content |= {"arrivals": options.arrivals.value, "notes": notes}
    return _publish(content, campaign, slo, says_nothing=not has_model)


def _play(campaign: Campaign, aim: Aim, scenario: Scenario, options: argparse.Namespace) -> None:
    if scenario.name == "overload":
        campaign.overload(aim, options.knee)
        return
    if options.people and not scenario.steps:
        campaign.browse(aim, scenario, users=options.people, seconds=options.people_seconds)
    campaign.rated(aim, scenario)


def _campaign(options: argparse.Namespace, place: Place, clock: Clock) -> Campaign:
    seconds = options.minutes * 60 if options.minutes else options.seconds
    flags = ("--arrivals", options.arrivals, "--seed", str(options.seed))
    return Campaign(place, clock, options.rate or rated_per_s(), seconds, flags)


def _target(options: argparse.Namespace) -> AbstractContextManager[Stack | str]:
    if options.url:
        return nullcontext(str(options.url).rstrip("/"))
    return prepared.stack_to_load(options.state)


def _beside(options: argparse.Namespace) -> AbstractContextManager[Trainings | None]:
    if not options.train_beside:
        return nullcontext()
    return training_beside(options.train_data or prepared.dataset())


def _fault_kinds(options: argparse.Namespace) -> list[str]:
    if not options.faults:
        return []
    if options.url:
        msg = "faults are made on a stack of this machine, and --url may be anywhere"
        raise UsageError(msg, next_step="name its folder with --state")
    kinds = list(_FAULTS) if options.faults == _ALL else options.faults.split(",")
    if strange := [kind for kind in kinds if kind not in _FAULTS]:
        msg = f"'{strange[0]}' is no fault"
        raise UsageError(msg, next_step=f"name some of {', '.join(_FAULTS)}, or {_ALL}")
    return kinds


def _faults(
    kinds: Sequence[str], target: Stack | str, clock: Clock, options: argparse.Namespace
) -> tuple[list[Fault], list[str]]:
    """Return the faults that can be made, and of ``all`` those that cannot, with what is missing."""
    if isinstance(target, str):
        return [], []
    known: dict[str, Fault] = {
        "valkey-stall": ValkeyStall(target),
        "kafka-kill": KafkaKill(target, clock),
        "swap": Swap(target, clock, options.second_run),
        "reload": Reload(target),
    }
    faults, notes = [], []
    for kind in kinds:
        try:
            known[kind].ready()
            faults.append(known[kind])
        except MaitredError as error:
            if options.faults != _ALL:
                raise
            notes.append(f"left out, {kind}: {error}; {error.next_step}")
    return faults, notes


def _publish(content: dict[str, Any], campaign: Campaign, slo: Slo, *, says_nothing: bool) -> int:
    outcomes = {result.name: slo.judge(result.summary) for result in campaign.results}
    verdict = worst([*outcomes.values(), *([Outcome.VOID] if says_nothing else [])])
    content |= {
        "rate_per_s": campaign.rate,
        "known_diners": campaign.place.users is not None,
        "verdict": verdict.name.lower(),
        "open_loop": {
            result.name: result.summary
            | {
                "verdict": outcomes[result.name].name.lower(),
                "held": [str(check) for check in slo.checks(result.summary)],
                "checks": [check.row() for check in slo.checks(result.summary)],
            }
            for result in campaign.results
        },
        "people": campaign.people,
        "timelines": {result.name: _timeline(result) for result in campaign.results},
    }
    raw = {result.name: result.record.latency_ms for result in campaign.results}
    curves = latency_curves(raw, title="Latency", limit_ms=LATE_MS)
    words = markdown(content)
    path = write("load", content, words, sheet([curves, *_rungs(content)]))
    path.with_suffix(".html").write_text(page(content, curves), encoding="utf-8")
    sys.stdout.write(f"{words}\npage: {REPORTS / 'load.html'}\n")
    return verdict.value


def _rungs(content: Mapping[str, Any]) -> list[str]:
    """Return rungs over time of the runs with faults, for documents."""
    return [
        rungs_chart(drawn_timeline(drawn), f"{name}: requests by rung")
        for name, drawn in content["timelines"].items()
        if drawn["windows"]
    ]


def _timeline(result: Result) -> dict[str, Any]:
    every_s, moments = timeline(result.record)
    windows = [window.row(result.record.started_at) for window in result.windows]
    return {"every_s": every_s, "moments": [m.row() for m in moments], "windows": windows}


if __name__ == "__main__":
    # What was broken on purpose must be undone when somebody ends this with SIGTERM, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_SIGTERM_EXIT))
    with reporting():
        sys.exit(main(sys.argv[1:]))
