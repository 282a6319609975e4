"""Events out of tables: one row, one thing a diner did."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.dataset import columns
from training.dataset.mapping import Choice, EventsTable
from training.dataset.quarantine import FileAccount
from training.dataset.schema import EVENT_TYPES
from training.dataset.sources.files import Chunk
from training.dataset.sources.rows import Context, Seen, Verdicts, cell, checked_chunks, ids, place

__all__ = ["EventsReader"]

_CHANCES = {"rank": (1, 2**31), "propensity": (5e-324, 1), "weight": (0, np.inf)}
"""Columns whose unreadable cells are blanked, with their domains."""


@dataclass(slots=True)
class EventsReader:
    """Reads the tables of events one after the other; file numbers make ids that keep file order."""

    context: Context
    restaurants: frozenset[str] | None
    """Ids that a restaurants file lists; None: there is no such file, every id is good."""
    accounts: list[FileAccount] = field(default_factory=list)

    def read(self, table: EventsTable) -> Iterator[pd.DataFrame]:
        """Yield the kept events of a table, chunk by chunk, with a ``region`` column if mapped."""
        seen = Seen()
        for account, chunk, verdicts in checked_chunks(table, self.context):
            if not self.accounts or self.accounts[-1] is not account:
                self.accounts.append(account)
            frame = self._events(table, chunk, verdicts)
            repeats = self._repeats(table, seen, chunk, frame, verdicts)
            yield frame[verdicts.settle(account, repeats)]

    def _events(self, table: EventsTable, chunk: Chunk, verdicts: Verdicts) -> pd.DataFrame:
        frame = {"type": self._types(table, chunk, verdicts)}
        frame["user_id"] = ids(chunk, table.user_id, "user id", verdicts)
        frame["restaurant_id"] = ids(chunk, table.restaurant_id, "restaurant id", verdicts)
        if self.restaurants is not None:
            known = frame["restaurant_id"].isin(self.restaurants).to_numpy()
            verdicts.against(~known, "unknown restaurant", frame["restaurant_id"])
        frame["occurred_at"] = self._times(table, chunk, verdicts)
        frame |= self._values(table, chunk, verdicts)
        frame["event_id"] = self._ids(table, chunk, verdicts)
        if table.request_id is not None:
            frame["request_id"] = columns.texts(cell(chunk, table.request_id))
        if table.region is not None:
            frame["region"] = columns.texts(cell(chunk, table.region))
        frame |= _context(table, chunk, verdicts)
        return pd.DataFrame(frame)

    def _types(self, table: EventsTable, chunk: Chunk, verdicts: Verdicts) -> pd.Series:
        rule = table.type
        if not isinstance(rule, Choice):
            return pd.Series(rule, index=chunk.rows.index, dtype="str")
        found = columns.texts(cell(chunk, rule))
        verdicts.against(found.isna().to_numpy(), "missing type")
        dropped = found.isin(rule.drop).to_numpy()
        verdicts.against(dropped, f"dropped by the mapping ({rule.column})", found)
        names = rule.map or {name: name for name in EVENT_TYPES}
        mapped = found.map(names)
        verdicts.against(mapped.isna().to_numpy(), f"unmapped type ({rule.column})", found)
        return mapped

    def _times(self, table: EventsTable, chunk: Chunk, verdicts: Verdicts) -> pd.Series:
        texts = cell(chunk, table.occurred_at)
        times, unreadable = columns.moments(texts, table.occurred_at, self.context.source.timezone)
        verdicts.against(unreadable, "unreadable time", texts)
        verdicts.against(times.isna().to_numpy(), "missing time")
        verdicts.against((times > self.context.latest).to_numpy(), "time in the future", texts)
        return times

    def _values(self, table: EventsTable, chunk: Chunk, verdicts: Verdicts) -> dict[str, pd.Series]:
        if table.value is None:
            return {}
        texts, currency = cell(chunk, table.value), self.context.source.currency
        values, unreadable = columns.minor(texts, table.value, currency)
        verdicts.against(unreadable, "unreadable value", texts)
        verdicts.against(
            (values < 0).to_numpy(dtype=np.bool_, na_value=False), "negative value", texts
        )
        names = pd.Series(currency, index=texts.index, dtype="str")
        return {"value_minor": values, "currency": names.where(values.notna())}

    def _ids(self, table: EventsTable, chunk: Chunk, verdicts: Verdicts) -> pd.Series:
        if table.event_id is not None:
            return ids(chunk, table.event_id, "event id", verdicts)
        lines = pd.Series(chunk.lines, index=chunk.rows.index).astype("str").str.zfill(9)
        return f"{len(self.accounts):03}-" + lines

    def _repeats(
        self,
        table: EventsTable,
        seen: Seen,
        chunk: Chunk,
        frame: pd.DataFrame,
        verdicts: Verdicts,
    ) -> NDArray[np.bool_]:
        """Return the exact duplicates; an id that stands twice with other content is rejected.

        Without event ids a duplicate repeats the whole row of the file, unmapped columns too.
        """
        keys = chunk.rows if table.event_id is None else frame[["user_id", "event_id"]]
        content = keys if table.event_id is None else frame
        same, clash = seen.sort_out(keys, content, verdicts.good)
        verdicts.against(clash, "event id stands twice with other content", frame["event_id"])
        return same


def _context(table: EventsTable, chunk: Chunk, verdicts: Verdicts) -> dict[str, pd.Series]:
    """Return the columns that a row can do without; unreadable cells are blanked."""
    found = place(chunk, table.lat, table.lon, verdicts)
    found["weight"] = pd.Series(1.0, index=chunk.rows.index)
    for name, (low, high) in _CHANCES.items():
        rule = getattr(table, name)
        if rule is not None:
            found[name], verdicts.blanked[name] = columns.numbers(cell(chunk, rule), low, high)
    found["weight"] = found["weight"].fillna(1.0)
    if "rank" in found:
        found["rank"] = found["rank"].round().astype("Int64")
    return found
