"""Two or more of a kind under the same load, in turns: objectives, commits, or running services.

    python -m loadtests.compare --objectives clicks revenue
    python -m loadtests.compare --commits main HEAD
    python -m loadtests.compare --urls http://127.0.0.1:8080 http://127.0.0.1:9080

Rounds alternate (A B A B, each second one B A), so that what else the machine does weighs on both;
what is printed are ratios to the first one named, of each round, as smallest, median and largest.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from loadtests import children, prepared
from loadtests.campaign import rated_per_s
from loadtests.checkouts import checked_out, served
from loadtests.known import write_known_diners
from loadtests.reports import footnote, provenance, write
from loadtests.scenarios import SCENARIOS, scenario_named
from loadtests.sides import Side, in_turns
from loadtests.tables import markdown_table
from maitred.cli import reporting
from maitred.client import Aim
from maitred.clock import Clock, SystemClock
from maitred.errors import UsageError

__all__ = ["main", "parse", "ratios", "rounds"]

_VOID = 3
_FIGURES = ("p50_ms", "p99_ms", "max_ms", "server_cpu_ms", "personalised_share", "failures")
_CLIENTS = ("p50_ms", "p99_ms", "max_ms")
_COMPARED = (*_CLIENTS, "server_cpu_ms")

Round = dict[str, float]


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    of = parser.add_mutually_exclusive_group(required=True)
    of.add_argument(
        "--objectives", nargs="+", metavar="NAME", help="clicks revenue balanced w=0.25"
    )
    of.add_argument("--commits", nargs=2, metavar="COMMIT", help="each on a stack of its own")
    of.add_argument("--urls", nargs="+", metavar="URL", help="inference services that run")
    add("--state", type=Path, help="stack for --objectives (default: MAITRED_STATE_DIR)")
    add(
        "--run",
        type=Path,
        help="run folder whose model both commits serve (default: each trains its own)",
    )
    add("--data", type=Path, metavar="DATASET", help="what each commit trains on (default: Entree)")
    add("--users-file", type=Path, help="known diners (default: those of the model)")
    add("--scenario", default="browse", metavar="NAME", help=", ".join(SCENARIOS))
    add("--rate", type=float, help="requests due per second (default: the rated load of the bench)")
    add("--seconds", type=float, default=5.0, help="of each round and side")
    add("--rounds", type=int, default=5)
    add("--seed", type=int, default=7)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Compare, print and write the ratios; exit 3 when every round was void."""
    options = parse(arguments)
    scenario = scenario_named(options.scenario)
    if scenario.steps or min(len(options.objectives or options.urls or "ab"), options.rounds) < 1:
        msg = "a comparison needs one rate, and at least one round"
        raise UsageError(msg, next_step="leave out --scenario steps")
    clock = SystemClock()
    rate = options.rate or rated_per_s()
    with _sides(options, clock) as (sides, users, notes):
        flags: tuple[str, ...] = ("--scenario", scenario.name, "--seed", str(options.seed))
        flags += ("--users-file", str(users)) if users else ()
        made = rounds(sides, options.rounds, rate=rate, seconds=options.seconds, flags=flags)
    content = provenance(clock, "python -m loadtests.compare " + " ".join(arguments)) | {
        "rate_per_s": rate,
        "rounds": {side.name: runs for side, runs in zip(sides, made, strict=True)},
        "ratios": {
            side.name: ratios(made[0], runs) for side, runs in zip(sides[1:], made[1:], strict=True)
        },
        "notes": notes,
    }
    words = _markdown(content, sides[0].name)
    write("compare", content, words, None)
    sys.stdout.write(words)
    return _VOID if all(r["void"] for runs in made for r in runs) else 0


def rounds(
    sides: Sequence[Side], count: int, *, rate: float, seconds: float, flags: Sequence[str]
) -> list[list[Round]]:
    """Load the sides in turns; return each one's rounds."""
    made: list[list[Round]] = [[] for _ in sides]
    for number, side in in_turns(sides, count):
        before_s = side.cpu_s()
        summary, _ = children.offer(side.url, side.aim, rate=rate, seconds=seconds, options=flags)
        used_ms = (side.cpu_s() - before_s) * 1e3
        figures: dict[str, Any] = dict(summary)
        figures["server_cpu_ms"] = used_ms / max(figures["requests"], 1) if side.pids else None
        found = {n: float(figures[n]) for n in (*_FIGURES, "void") if figures[n] is not None}
        made[sides.index(side)].append(found)
        sys.stderr.write(f"round {number}/{count} {side.name}: {_shown(found)}\n")
    return made


def ratios(base: Sequence[Round], other: Sequence[Round]) -> dict[str, list[float]]:
    """Return other to base, round by round, as smallest, median and largest.

    Void rounds say nothing of latency and are left out there; so is a figure that no pair has.
    """
    found = {}
    for name in _COMPARED:
        each = [
            b[name] / a[name]
            for a, b in zip(base, other, strict=True)
            if (name not in _CLIENTS or not (a["void"] or b["void"])) and a.get(name) and name in b
        ]
        if each:
            found[name] = [min(each), median(each), max(each)]
    return found


Sides = tuple[list[Side], Path | None, list[str]]


@contextmanager
def _sides(options: argparse.Namespace, clock: Clock) -> Iterator[Sides]:
    """Give what is compared, a file of diners whom it knows, and what a reader must know."""
    if options.urls:
        yield [Side(url, url.rstrip("/")) for url in options.urls], options.users_file, []
    elif options.objectives:
        aims = [Aim.named(name) for name in options.objectives]
        with prepared.stack_to_load(options.state) as stack:
            users = options.users_file or write_known_diners(stack)
            url, pids = stack.inference_url, stack.inference_pids
            yield [Side(aim.name, url, aim, pids) for aim in aims], users, []
    else:
        with ExitStack() as opened:
            sides, notes, users = [], [], options.users_file
            for place, name in enumerate(options.commits):
                checkout = opened.enter_context(checked_out(name))
                run = options.run or checkout.train(options.data or prepared.dataset())
                users = users or run / "model"
                stack = opened.enter_context(served(checkout, run, clock))
                label = f"{'AB'[place]} {name}"
                sides.append(Side(label, stack.inference_url, pids=stack.inference_pids))
                shared = "shares this environment" if checkout.shares_environment else "has its own"
                model = f"serves {run}" if options.run else "trained its own model"
                notes.append(f"{label}: {checkout.commit[:12]}, {shared}, {model}")
            yield sides, users, notes


def _markdown(content: Mapping[str, Any], base: str) -> str:
    head = ("round medians", *(name.replace("_", " ") for name in _FIGURES), "void rounds")
    rows = [
        [side, *(_median(runs, name) for name in _FIGURES), int(sum(r["void"] for r in runs))]
        for side, runs in content["rounds"].items()
    ]
    lines = ["# Compare", "", f"{content['rate_per_s']:g} requests due per second.", ""]
    lines += [markdown_table(head, rows), ""]
    found = [
        [f"{side} / {base}", name.replace("_", " "), *spread]
        for side, figures in content["ratios"].items()
        for name, spread in figures.items()
    ]
    if found:
        lines += [markdown_table(("ratio", "figure", "smallest", "median", "largest"), found), ""]
    else:
        lines += ["No ratio: in every pair of rounds one was void (the generator was late).", ""]
    lines += [f"- {note}" for note in content["notes"]]
    return "\n".join([*lines, "", footnote(content), ""])


def _median(runs: Sequence[Round], name: str) -> float | None:
    values = [run[name] for run in runs if name in run]
    return median(values) if values else None


def _shown(figures: Round) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


if __name__ == "__main__":
    with reporting():
        sys.exit(main(sys.argv[1:]))
