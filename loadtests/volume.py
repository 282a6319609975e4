"""``python -m loadtests.volume``: how much memory many events take, and how long a replay of them.

The archive's own writer is offered clicks by the 50,000, as the archiver offers what it read; then
``maitred events replay`` makes diner states of another, smaller archive. Servers and folders are its
own. Report: ``.maitred/reports/volume.{json,md}``.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from loadtests.programs import MAITRED
from loadtests.reports import footnote, provenance, write
from loadtests.servers import own_servers
from loadtests.tables import markdown_table
from maitred.archive.ledger import LEDGER
from maitred.archive.rows import Arrival
from maitred.archive.writer import open_writer
from maitred.cli import reporting
from maitred.clock import SystemClock
from maitred.events import Click, Traffic
from maitred.keyfile import kept_secret
from maitred.settings import child_environment

__all__ = ["main", "parse"]

_CLOCK = SystemClock()
_TOPIC: Final = "maitred.events.v1"
_A_FLUSH: Final = 50_000
_A_DINER: Final = 10
"""Clicks of each diner."""
_KIB: Final = 1024


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.volume",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--events", type=int, default=10_000_000, help="archived (default: ten million)")
    add("--replayed", type=int, default=1_000_000, help="made states of (default: a million)")
    add("--state", type=Path, help=argparse.SUPPRESS)  # a child of ours: archive there, say JSON
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Measure, print and write a report."""
    options = parse(arguments)
    if options.state is not None:
        sys.stdout.write(json.dumps(_archive(options.state, options.events)))
        return 0
    with tempfile.TemporaryDirectory(prefix="volume-") as home:
        many = _archived(Path(home) / "many", options.events)
        replayed = _replayed(Path(home) / "few", options.replayed)
    content = provenance(_CLOCK, "python -m loadtests.volume " + " ".join(arguments))
    content |= {"archive": many, "replay": replayed}
    words = f"# Volume\n\n{_words(many, replayed)}\n\n{footnote(content)}\n"
    write("volume", content, words, None)
    sys.stdout.write(words)
    return 0


def _archived(state: Path, count: int) -> dict[str, Any]:
    """Archive in a process of its own, whose memory is nobody else's."""
    command = [sys.executable, "-m", "loadtests.volume", "--events", str(count)]
    command += ["--state", str(state)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603  # our own program
    return dict(json.loads(done.stdout))


def _archive(state: Path, count: int) -> dict[str, Any]:
    key, folder = kept_secret(state / "erasure.key"), state / "archive"
    before_kib, began = _peak_kib(), _CLOCK.monotonic()
    with open_writer(folder, _TOPIC, clock=_CLOCK, dedup_days=7, erasure_key=key) as writer:
        at = 0
        for some in _arrivals(count):
            at += len(some)
            writer.flush(writer.sort(some), {0: at})
            writer.merge_small_files()
        took_s = _CLOCK.monotonic() - began
        while writer.merge_small_files():
            pass
    files = [path.stat().st_size for path in folder.rglob("*.parquet")]
    return {
        "events": count,
        "per_s": count / took_s,
        "start_mib": before_kib / _KIB,
        "peak_mib": _peak_kib() / _KIB,
        "index_bytes_an_event": (folder / LEDGER).stat().st_size / count,
        "files": len(files),
        "smallest_mib": min(files) / _KIB**2,
        "largest_mib": max(files) / _KIB**2,
    }


def _arrivals(count: int) -> Iterator[list[Arrival]]:
    since = datetime.now(UTC) - timedelta(days=1)  # noqa: TID251 - any day will do
    for start in range(0, count, _A_FLUSH):
        yield [_arrival(n, since) for n in range(start, min(start + _A_FLUSH, count))]


def _arrival(number: int, since: datetime) -> Arrival:
    event = Click(
        event_id=f"e{number}",
        user_id=f"u{number // _A_DINER}",
        restaurant_id=f"r{number % 997:05}",
        occurred_at=since + timedelta(milliseconds=number),
        traffic=Traffic.SIMULATED,
    )
    return Arrival.of(event, 0, number)


def _replayed(state: Path, count: int) -> dict[str, Any]:
    _archived(state, count)
    with ExitStack() as stack:
        kafka, valkey = own_servers(state, stack)
        environment = child_environment(
            state_dir=state, kafka_bootstrap=kafka.url, redis_url=valkey.url
        )
        done = subprocess.run(  # noqa: S603  # our own program, no shell
            [MAITRED, "events", "replay", "--json"],
            check=True, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip
    return dict(json.loads(done.stdout))


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _words(many: dict[str, Any], replayed: dict[str, Any]) -> str:
    rows: list[list[object]] = [
        ["events archived", f"{many['events']:,}"],
        ["a second", many["per_s"]],
        ["memory at the start, MiB", many["start_mib"]],
        ["memory at its peak, MiB", many["peak_mib"]],
        ["index of ids, bytes an event", many["index_bytes_an_event"]],
        ["files after compaction", many["files"]],
        [
            "the smallest and the largest, MiB",
            f"{many['smallest_mib']:.1f}, {many['largest_mib']:.1f}",
        ],
        ["events replayed", f"{replayed['events']:,}"],
        ["diners", f"{replayed['diners']:,}"],
        ["seconds", replayed["seconds"]],
    ]
    return markdown_table(("what", "measured"), rows)


if __name__ == "__main__":
    with reporting():
        sys.exit(main(sys.argv[1:]))
