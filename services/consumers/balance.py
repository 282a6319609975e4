"""Where events are between ingest and the archive, as one sum that must come out.

Every record that the archiver has read was archived, was there already, became a dead letter or
belonged to an erased diner. What it has not read yet waits in the log, under way, or in a spool.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from maitred.archive.ledger import LEDGER, Ledger
from maitred.client.addresses import find_addresses, recorded
from maitred.settings import Settings
from services.eventlog.frames import decode_entries
from services.eventlog.topics import topics_of

__all__ = ["Balance", "balance_of"]

_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Balance:
    """Counts of events and impressions; None where the program that counts does not answer."""

    accepted: int | None
    """By ingest since it started."""
    under_way: int | None
    """Sent by ingest, and not acknowledged yet."""
    spooled: int
    """Waiting on disk, in every spool of the state folder."""
    unread: int | None
    """In the log, and not read by the archiver."""
    read: int
    """By the archiver, of what the log holds or held."""
    archived: int
    repeated: int
    dead: int
    erased: int

    @property
    def unexplained(self) -> int:
        """Records that were read and are nowhere; other than 0 is a defect, or a log that was begun anew."""
        return self.read - self.archived - self.repeated - self.dead - self.erased

    def as_dict(self) -> dict[str, int | None]:
        """Return the balance as plain JSON."""
        return {**asdict(self), "unexplained": self.unexplained}

    def as_lines(self) -> str:
        """Return the balance for a person."""
        sum_ = (
            f"read from the log {self.read:,} = archived {self.archived:,} + repeated "
            f"{self.repeated:,} + dead {self.dead:,} + erased {self.erased:,}"
        )
        if self.unexplained:
            sum_ += f" + unexplained {self.unexplained:,}"
        return (
            f"{sum_}\non the way: {_said(self.unread)} in the log, {_said(self.under_way)} under "
            f"way, {self.spooled:,} in spools; accepted since ingest started: {_said(self.accepted)}"
        )


def balance_of(settings: Settings) -> Balance:
    """Add up what can be reached now; while events flow, a sum may be a moment behind another."""
    ingest = _metrics(find_addresses(settings).ingest)
    archiver = _metrics(recorded(settings).get("consume-archive"))
    read, archived, left_out = _kept(settings)
    return Balance(
        accepted=_sum(ingest, "maitred_events_total", outcome="accepted"),
        under_way=_sum(ingest, "maitred_unacknowledged_events"),
        spooled=_spooled(settings.state_dir / "spool"),
        unread=_sum(archiver, "maitred_consumer_lag_records", consumer="archive"),
        read=read,
        archived=archived,
        repeated=left_out.get("duplicates", 0),
        dead=left_out.get("conflicts", 0) + left_out.get("undecodable", 0),
        erased=left_out.get("erased", 0),
    )


def _kept(settings: Settings) -> tuple[int, int, Mapping[str, int]]:
    """Return what the ledger says: records read, rows kept, and what was left out, by reason."""
    folder = settings.state_dir / "archive"
    if not (folder / LEDGER).exists():
        return 0, 0, {}
    ledger = Ledger(folder, read_only=True)
    try:
        read = sum(ledger.offsets(topics_of(settings).events.name).values())
        return read, sum(file.rows for file in ledger.files()), ledger.counts()
    finally:
        ledger.close()


def _spooled(home: Path) -> int:
    return sum(len(decode_entries(path.read_bytes())[0]) for path in home.glob("*/*.seg"))


def _metrics(url: str | None) -> str | None:
    """Return what a program shows at ``/metrics``; None: it does not answer."""
    if url is None:
        return None
    try:
        reply = httpx.get(f"{url}/metrics", timeout=_WITHIN_S, trust_env=False)
    except httpx.HTTPError:
        return None
    return reply.text if reply.is_success else None


def _sum(text: str | None, name: str, **labels: str) -> int | None:
    """Add up a metric over the labels that are not named."""
    if text is None:
        return None
    return int(
        sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )
    )


def _said(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"
