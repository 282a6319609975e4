"""Archives many impressions in a process of its own and prints what that took: run it as a module.

Impressions are the widest rows. All are one impression under other ids, so that making them is cheap.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from maitred import archive, events
from maitred.archive.rows import Arrival, id_of
from maitred.clock import ManualClock
from tests.support.archives import MOMENT, writing

BATCH = 2_000
_SHOWN = [{"restaurant_id": f"r{n:05}", "rank": n, "propensity": 0.1} for n in range(1, 11)]
_POOL = [{"restaurant_id": f"r{n:05}", "log_p": -n / 7, "log_v": n / 3} for n in range(50)]


def impressions(first: int) -> Iterator[Arrival]:
    one = Arrival.of(
        events.parse(
            {"type": "impression", "event_id": "e", "user_id": "u", "occurred_at": MOMENT,
             "items": _SHOWN, "pool": _POOL, "policy": "plackett-luce", "rung": "personalised"},
            from_client=False,
        ), 0, 0,
    )  # fmt: skip
    _, *rest = one.plain
    for number in range(first, first + BATCH):
        name = f"e{number}"
        yield one._replace(event_id=name, id=id_of("u", name), offset=number, plain=(name, *rest))


def peak_mib() -> float:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(folder: Path, batches: int) -> None:
    clock, before = ManualClock(), 0.0
    with writing(folder, clock) as writer:
        for number in range(batches):
            batch = writer.sort(list(impressions(number * BATCH)))
            writer.flush(batch, {0: (number + 1) * BATCH})
            writer.merge_small_files()
            before = before or peak_mib()
        archived = peak_mib()
        clock.advance(86_400)
        while writer.merge_small_files():
            pass
        merged = peak_mib()
        archive.census(folder)
    sizes = [path.stat().st_size for path in folder.rglob("*.parquet")]
    grown = {
        "archived": archived - before,
        "merged": merged - before,
        "counted": peak_mib() - before,
    }
    rows = archive.table(folder, columns=["event_id"]).num_rows
    print(json.dumps({"grown": grown, "sizes": sizes, "rows": rows}))  # noqa: T201 - its answer


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
