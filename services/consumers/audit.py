"""What a person asks about events: is every one archived once, and what was set aside?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from maitred import archive
from maitred.clock import Clock
from maitred.settings import Settings
from services.consumers.dead import DeadLetter, read_all
from services.consumers.deps import dead_reader

__all__ = ["Audit", "audit_archive", "letters", "letters_table", "summary"]


@dataclass(frozen=True, slots=True)
class Audit:
    """The archive counted by event id, and perhaps held against a list of accepted ids."""

    census: archive.Census
    accepted: int | None = None
    """Distinct ids of the list; None: no list was given."""
    missing: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()
    """Ids of the list whose diners asked to be forgotten: not there, and not missing."""
    twice: tuple[str, ...] = ()

    @property
    def repeated(self) -> int:
        """Rows beyond one per event."""
        return self.census.repeated

    @property
    def is_sound(self) -> bool:
        """Whether nothing is missing and nothing stands there twice."""
        return not (self.missing or self.twice or self.repeated)

    def as_dict(self) -> dict[str, object]:
        """Return the audit as plain JSON."""
        return {
            "schema": 1,
            "is_sound": self.is_sound,
            "accepted": self.accepted,
            "archived": self.census.archived,
            "rows": self.census.rows,
            "repeated": self.repeated,
            "missing": list(self.missing),
            "erased_ids": list(self.erased),
            "twice": list(self.twice),
            "by_kind": self.census.by_kind,
            **self.census.left_out,
        }

    def as_table(self) -> Table:
        """Return the audit for a person."""
        table = Table("what", "events", title="The archive of events")
        for name, value in self.as_dict().items():
            if isinstance(value, int) and not isinstance(value, bool) and name != "schema":
                table.add_row(name, str(value))
        for name, count in self.census.by_kind.items():
            table.add_row(f"  {name}", str(count))
        for name, some in (
            ("missing", self.missing),
            ("erased ids", self.erased),
            ("twice", self.twice),
        ):
            if some:
                table.add_row(name, f"{len(some)}: {', '.join(some[:5])} …")
        return table


def audit_archive(folder: Path, ids: Sequence[str] | None = None, *, key: str = "") -> Audit:
    """Count the archive; with ``ids``, say which of them are missing and which stand there twice.

    ``key`` of tombstones tells those apart that were erased.

    Raises:
        Refused: diners were erased, and with another key.
    """
    census = archive.census(folder)
    if ids is None:
        return Audit(census)
    found = archive.where_are(folder, ids)
    absent = [name for name, count in found.items() if count == 0]
    if archive.erased(folder):
        archive.require_key(folder, key)
    gone = archive.erased_among(folder, absent, key)
    missing = tuple(name for name in absent if name not in gone)
    erased = tuple(name for name in absent if name in gone)
    twice = tuple(name for name, count in found.items() if count > 1)
    return Audit(census, len(found), missing, erased, twice)


def letters(settings: Settings, clock: Clock) -> list[DeadLetter]:
    """Return every dead letter, oldest first, those too that were put back.

    Raises:
        LogUnavailable: Kafka did not answer.
    """
    reader = dead_reader(settings, clock)
    try:
        return list(read_all(reader, clock=clock))
    finally:
        reader.close()


def letters_table(found: Sequence[DeadLetter]) -> Table:
    """Return dead letters for a person."""
    heads = ("name", "state", "retries", "consumer", "bytes", "reason")
    table = Table(*heads, title=f"{len(found)} dead letters")
    for letter in found:
        table.add_row(
            letter.name,
            letter.state,
            str(letter.retries),
            letter.consumer,
            str(len(letter.value)),
            letter.reason,
        )
    return table


def summary(letter: DeadLetter) -> dict[str, object]:
    """Return a dead letter without its bytes, as plain JSON."""
    found = asdict(letter)
    found["bytes"] = len(found.pop("value"))
    found["headers"] = {name: value.decode(errors="replace") for name, value in letter.headers}
    return {"name": letter.name, **found}
