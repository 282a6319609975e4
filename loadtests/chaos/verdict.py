"""What must hold when the kills are over: counted from the log, the archive and Redis themselves."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from loadtests.chaos.stack import ChaosStack
from loadtests.chaos.stream import DINERS, Stream
from maitred import archive, events, features
from maitred.archive.ledger import Ledger
from maitred.clock import Clock
from maitred.errors import InvalidEvent, MaitredError
from maitred.events import Event
from maitred.features import DinerState
from maitred.store.client import connect
from maitred.store.state import StateStore
from services.consumers.audit import audit_archive, letters
from services.consumers.dead import read_to_end
from services.consumers.deps import archive_folder
from services.eventlog.kafka import KafkaLogReader
from services.eventlog.topics import bootstrap_of, topics_of

__all__ = ["Verdict", "judged"]

_COUNTING: Final = frozenset({"live", "replay", "simulated"})
"""Traffic that changes diners' states, by docs/events.md: not read from what is judged."""
_WITHIN_S: Final = 90.0
_LOOK_S: Final = 0.5
_COLUMNS: Final = (
    "type",
    "event_id",
    "user_id",
    "occurred_at",
    "traffic",
    "consent",
    "restaurant_id",
)
_ORDER: Final = ("order_id", "basket_minor", "currency")


@dataclass(slots=True)
class Verdict:
    """Counts, and what was not as it must be, first things first."""

    counts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def has_passed(self) -> bool:
        """Whether everything holds."""
        return not self.problems

    def must(self, claim: bool, otherwise: str) -> None:  # noqa: FBT001 - it reads as a sentence
        """Note what is wrong unless the claim holds."""
        if not claim:
            self.problems.append(otherwise)


def judged(stack: ChaosStack, stream: Stream, clock: Clock) -> Verdict:
    """Wait until everything has come to rest, at most a bounded time; count, compare, and judge."""
    verdict = Verdict(problems=list(stream.problems))
    try:
        stack.await_well(_WITHIN_S)
    except MaitredError as error:
        verdict.problems.append(str(error))
        return verdict
    ids = list(stream.accepted)
    folder = archive_folder(stack.settings)
    _eventually(lambda: not audit_archive(folder, ids).missing, clock)
    _eventually(lambda: not _stuck(stack, clock), clock)
    _judge_archive(verdict, stack, ids, clock)
    stuck = _stuck(stack, clock)
    verdict.counts["partitions stuck"] = len(stuck)
    verdict.must(not stuck, f"partitions are stuck: {', '.join(stuck)}")
    _judge_states(verdict, stack, clock)
    return verdict


def _judge_archive(verdict: Verdict, stack: ChaosStack, ids: list[str], clock: Clock) -> None:
    audit = audit_archive(archive_folder(stack.settings), ids)
    log, not_events = _census_of_log(stack, clock)
    rows = _archived_ids(stack)
    dead = letters(stack.settings, clock)
    verdict.counts |= {
        "accepted": len(ids),
        "archived": audit.census.archived,
        "rows": audit.census.rows,
        "missing": len(audit.missing),
        "in the log": sum(log.values()),
        "in the log twice": sum(log.values()) - len(log),
        "in the archive twice": audit.repeated,
        "dead letters": len(dead),
    }
    lost = sorted(log.keys() - rows)
    never = sorted(rows - log.keys())
    verdict.must(not audit.missing, f"accepted and not archived: {', '.join(audit.missing[:3])} …")
    verdict.must(not audit.repeated, f"{audit.repeated} rows stand in the archive twice")
    verdict.must(not audit.twice, f"archived twice: {', '.join(audit.twice[:3])} …")
    verdict.must(not lost, f"in the log and not archived: {lost[:3]}")
    verdict.must(not never, f"archived and not in the log: {never[:3]}")
    verdict.must(not not_events, f"{not_events} records of the log are no events")
    verdict.must(not dead, f"{len(dead)} dead letters: {dead[0].reason if dead else ''}")
    verdict.must(
        verdict.counts["in the log twice"] > 0,
        "nothing stands in the log twice, so nothing was proved: more rounds, or another seed",
    )


def _census_of_log(stack: ChaosStack, clock: Clock) -> tuple[Counter[tuple[str, str]], int]:
    """Return how often each (diner, event id) stands in the log, and how many records are no events."""
    topics = topics_of(stack.settings)
    bootstrap = bootstrap_of(stack.settings)
    reader = KafkaLogReader(bootstrap, topics, topics.events.name, "chaos", clock=clock)
    try:
        records, _ = read_to_end(reader, clock=clock, within_s=120.0)
    finally:
        reader.close()
    found: Counter[tuple[str, str]] = Counter()
    not_events = 0
    for record in records:
        try:
            event = events.decode(record.value)
        except InvalidEvent:
            not_events += 1
        else:
            found[event.user_id, event.event_id] += 1
    return found, not_events


def _archived_ids(stack: ChaosStack) -> set[tuple[str, str]]:
    table = archive.table(
        archive_folder(stack.settings), traffic=None, columns=["user_id", "event_id"]
    )
    return set(zip(table["user_id"].to_pylist(), table["event_id"].to_pylist(), strict=True))


def _stuck(stack: ChaosStack, clock: Clock) -> list[str]:
    """Return the partitions that a consumer has not read to the end."""
    topics = topics_of(stack.settings)
    bootstrap = bootstrap_of(stack.settings)
    reader = KafkaLogReader(bootstrap, topics, topics.events.name, "chaos", clock=clock)
    try:
        reader.poll(0.0)
        ends: Mapping[int, int] = reader.end_offsets()
    except MaitredError as error:
        return [f"all ({error})"]
    finally:
        reader.close()
    ledger = Ledger(archive_folder(stack.settings), read_only=True)
    archived = ledger.offsets(topics.events.name)
    ledger.close()
    stuck = [
        f"archive {p}: {archived.get(p, 0)} of {end}"
        for p, end in sorted(ends.items())
        if archived.get(p, 0) < end
    ]
    lags = _lags(stack.entry("consume-features").metrics_url)
    return stuck + [
        f"features {p}: {lags.get(p, 'nobody knows how many')} behind"
        for p in sorted(ends)
        if lags.get(p) != 0
    ]


def _lags(url: str | None) -> dict[int, float]:
    try:
        text = httpx.get(str(url), timeout=2).text
    except httpx.TransportError:
        return {}
    return {
        int(sample.labels["partition"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "maitred_consumer_lag_records"
    }


def _judge_states(verdict: Verdict, stack: ChaosStack, clock: Clock) -> None:
    """Compare every diner's state with one computed anew from the archive."""
    diners = [f"d{number}" for number in range(DINERS)]
    wanted = _computed(stack)
    with connect(str(stack.settings.redis_url), timeout_s=5.0) as redis:
        store = StateStore(redis)

        def differing() -> list[str]:
            kept = store.load(diners)
            return [d for d in diners if kept[d] != wanted.get(d, DinerState())]

        _eventually(lambda: not differing(), clock, within_s=20.0)
        different = differing()
        kept = store.load(different[:1])
    verdict.counts |= {"diners": len(wanted), "diners that differ": len(different)}
    if different:
        name = different[0]
        verdict.problems.append(
            f"the state of {name} is not what the archive says: {_difference(kept[name], wanted[name])}"
        )


def _computed(stack: ChaosStack) -> dict[str, DinerState]:
    """Return each diner's state, from scratch, in no particular order of events."""
    table = archive.table(
        archive_folder(stack.settings), traffic=_COUNTING, columns=[*_COLUMNS, *_ORDER]
    )
    by_diner: dict[str, list[Event]] = {}
    for row in table.to_pylist():
        if row["consent"] and row["type"] in {"click", "order", "dismiss"}:
            more = _ORDER if row["type"] == "order" else ()
            event = events.parse(
                {name: row[name] for name in (*_COLUMNS, *more)}, from_client=False
            )
            by_diner.setdefault(event.user_id, []).append(event)
    return {diner: features.apply(DinerState(), some) for diner, some in by_diner.items()}


def _difference(kept: DinerState, wanted: DinerState) -> str:
    missing = [i.event_id for i in wanted.recent if i not in kept.recent]
    beyond = [i.event_id for i in kept.recent if i not in wanted.recent]
    return f"{len(missing)} missing ({', '.join(missing[:3])}), {len(beyond)} too many ({', '.join(beyond[:3])})"


def _eventually(claim: Callable[[], bool], clock: Clock, within_s: float = _WITHIN_S) -> None:
    """Wait until a claim holds, at most a bounded time: who asks again finds out."""
    deadline = clock.monotonic() + within_s
    while not claim() and clock.monotonic() < deadline:
        clock.sleep(_LOOK_S)
