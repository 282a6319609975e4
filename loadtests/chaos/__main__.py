"""``python -m loadtests.chaos``: kill at random under a stream of events, then count. Exit 1: a difference.

Starts servers and programs of its own, in a folder of its own, and ends them. The plan comes from the
seed and is printed first; what the machine makes of it does not.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from loadtests.chaos.cluster import Cluster, running_cluster
from loadtests.chaos.plan import drawn
from loadtests.chaos.report import written
from loadtests.chaos.stack import running_stack
from loadtests.chaos.stream import Stream
from loadtests.chaos.strikes import Executioner
from loadtests.chaos.verdict import judged
from maitred.cli import reporting
from maitred.clock import SystemClock
from maitred.errors import MaitredError
from maitred.seeds import generator

__all__ = ["main", "parse"]

_LONG, _SHORT = (2.0, 6.0), (0.2, 1.0)
"""Seconds of calm between two strikes, of the full form and of one of a minute."""
_PER_S = 200.0
_CLOCK = SystemClock()


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--rounds", type=int, default=72, help="strikes, each kind in turn (default: 72)")
    add("--seed", type=int, default=7, help="of the plan and of the events (default: 7)")
    add("--brokers", type=int, choices=[1, 3], default=1, help="a cluster of three, or one")
    add("--minutes", type=float, default=12.0, help="begin no round after this time (default: 12)")
    add("--short", action="store_true", help="hardly any calm between two strikes")
    add(
        "--state",
        type=Path,
        help="folder for everything, kept afterwards (default: a temporary one)",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run, print and write what was found; 0 when everything holds."""
    options = parse(arguments)
    with ExitStack() as opened:
        home = options.state or Path(
            opened.enter_context(tempfile.TemporaryDirectory(prefix="chaos-"))
        )
        home.mkdir(parents=True, exist_ok=True)
        return _run(options, home.absolute(), opened)


def _run(options: argparse.Namespace, home: Path, opened: ExitStack) -> int:
    plan = drawn(options.seed, options.rounds, _SHORT if options.short else _LONG)
    for strike in plan:
        sys.stdout.write(f"plan {strike}\n")
    cluster: Cluster | None = None
    if options.brokers > 1:
        cluster = opened.enter_context(running_cluster(home / "kafka", _CLOCK))
    kafka = cluster.bootstrap if cluster else None
    stack = opened.enter_context(running_stack(home, _CLOCK, kafka=kafka))
    stream = Stream(stack.entry("ingest").url, stack.restaurants, options.seed, _PER_S, _CLOCK)
    rng = generator(options.seed, "chaos", "victims")
    executioner = Executioner(stack, cluster, rng, _CLOCK)
    began, struck = _CLOCK.monotonic(), []
    stream.start()
    try:
        for strike in plan:
            _CLOCK.sleep(strike.calm_s)
            if _CLOCK.monotonic() - began > options.minutes * 60:
                break
            struck.append(executioner.strike(strike))
            sys.stdout.write(
                "{round}: {kind}: {victim}; well again after {well_again_s} s\n".format(
                    **struck[-1]
                )
            )
            sys.stdout.flush()
        _CLOCK.sleep(1.0)
    except MaitredError as error:
        stream.problems.append(str(error))
    finally:
        stream.stop()
    verdict = judged(stack, stream, _CLOCK)
    seconds = _CLOCK.monotonic() - began
    sys.stdout.write(written(options, plan, struck, stream, verdict, seconds, _CLOCK))
    return 0 if verdict.has_passed else 1


if __name__ == "__main__":
    with reporting():
        sys.exit(main(sys.argv[1:]))
