"""Named checks of a data set. An error refuses training; a warning is for a person to weigh."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from maitred.catalogue import parse_hours
from maitred.errors import InvalidDataset, InvalidInput
from training.dataset import schema
from training.dataset.folder import Dataset

__all__ = ["CHECKS", "Check", "ValidationReport", "validate"]

Level = Literal["error", "warning"]
Finding = tuple[int, str, pd.Series | list[str]]
"""How many rows are at fault, what is wrong, and examples."""

_EXAMPLES: Final = 5
_EARLIEST: Final = pd.Timestamp("1990-01-01", tz="UTC")
_LARGEST_VALUE_MINOR: Final = 10_000_000
_SPARSE: Final = 0.5
_SMALLEST: Final = 2


@dataclass(frozen=True, slots=True)
class Check:
    """One check's outcome."""

    name: str
    level: Level
    passed: bool
    count: int
    """Rows at fault."""
    message: str
    """What is wrong and what to do; empty when passed."""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """All checks of one data set."""

    fingerprint: str
    checks: tuple[Check, ...]

    @property
    def errors(self) -> tuple[Check, ...]:
        """Failed checks that refuse training."""
        return tuple(c for c in self.checks if c.level == "error" and not c.passed)

    @property
    def warnings(self) -> tuple[Check, ...]:
        """Failed checks that a person should look at."""
        return tuple(c for c in self.checks if c.level == "warning" and not c.passed)

    @property
    def passed(self) -> bool:
        """Whether the data set may be trained on."""
        return not self.errors

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON."""
        checks = [asdict(check) for check in self.checks]
        return {
            "schema": 1,
            "fingerprint": self.fingerprint,
            "passed": self.passed,
            "checks": checks,
        }

    def require(self) -> None:
        """Refuse a data set that must not be trained on.

        Raises:
            InvalidDataset: naming every failed check, with its reason.
        """
        if self.passed:
            return
        reasons = "; ".join(f"{c.name}: {c.message}" for c in self.errors)
        msg = f"the data set cannot be trained on: {reasons}"
        fields = tuple((c.name, c.message) for c in self.errors)
        step = (
            "`maitred data validate DATASET` shows examples; correct the mapping and import again"
        )
        raise InvalidDataset(msg, fields=fields, next_step=step)


def validate(dataset: Dataset, *, latest: datetime) -> ValidationReport:
    """Run every check; events after ``latest`` are in the future."""
    moment = pd.Timestamp(latest)
    checks = tuple(_run(name, level, check(dataset, moment)) for name, level, check in CHECKS)
    return ValidationReport(dataset.meta.fingerprint, checks)


def _run(name: str, level: Level, finding: Finding) -> Check:
    count, message, examples = finding
    if not count:
        return Check(name, level, passed=True, count=0, message="")
    shown = tuple(str(example) for example in list(examples)[:_EXAMPLES])
    return Check(name, level, passed=False, count=count, message=message, examples=shown)


def _rows(bad: pd.Series, shown: pd.Series, message: str) -> Finding:
    mask = bad.fillna(value=False).to_numpy(dtype=np.bool_)
    return int(mask.sum()), message, shown[mask]


def _fingerprint(dataset: Dataset, _: pd.Timestamp) -> Finding:
    pairs = ((dataset.events, schema.EVENTS), (dataset.restaurants, schema.RESTAURANTS))
    tables = [schema.in_canonical_order(schema.table_of(frame, form)) for frame, form in pairs]
    users = None if dataset.users is None else schema.table_of(dataset.users, schema.USERS)
    found = schema.digest(*tables, None if users is None else schema.in_canonical_order(users))
    message = "the rows are not those that dataset.json was written for; import the files again"
    return int(found != dataset.meta.fingerprint), message, [found]


def _duplicates(dataset: Dataset, _: pd.Timestamp) -> Finding:
    again = dataset.events.duplicated(["user_id", "event_id"])
    return _rows(again, dataset.events["event_id"], "an event id stands twice for one diner")


def _restaurants_twice(dataset: Dataset, _: pd.Timestamp) -> Finding:
    names = dataset.restaurants["restaurant_id"]
    return _rows(names.duplicated(), names, "a restaurant id stands twice")


def _types(dataset: Dataset, _: pd.Timestamp) -> Finding:
    kinds = dataset.events["type"]
    allowed = ", ".join(schema.EVENT_TYPES)
    return _rows(~kinds.isin(schema.EVENT_TYPES), kinds, f"an event's type is none of {allowed}")


def _future(dataset: Dataset, latest: pd.Timestamp) -> Finding:
    times = dataset.events["occurred_at"]
    return _rows(times > latest, times, "events lie in the future; check the time zone and format")


def _ancient(dataset: Dataset, _: pd.Timestamp) -> Finding:
    times = dataset.events["occurred_at"]
    return _rows(times < _EARLIEST, times, "events lie before 1990; check the format of times")


def _negative_values(dataset: Dataset, _: pd.Timestamp) -> Finding:
    values = dataset.events["value_minor"]
    return _rows(values < 0, values, "a value is negative; map refunds with `drop`")


def _huge_values(dataset: Dataset, _: pd.Timestamp) -> Finding:
    values = dataset.events["value_minor"]
    return _rows(values > _LARGEST_VALUE_MINOR, values, "a value is huge; is `unit` right?")


def _currencies(dataset: Dataset, _: pd.Timestamp) -> Finding:
    names = sorted(dataset.events["currency"].dropna().unique())
    message = f"currencies are mixed ({', '.join(names)}); import each into a data set of its own"
    return max(0, len(names) - 1), message, names


def _unpriced_currency(dataset: Dataset, _: pd.Timestamp) -> Finding:
    events = dataset.events
    bare = events["value_minor"].notna() & events["currency"].isna()
    return _rows(bare, events["event_id"], "a value has no currency; set `currency` in [source]")


def _places(dataset: Dataset, _: pd.Timestamp) -> Finding:
    frame = dataset.restaurants
    off = (frame["lat"].abs() > 90) | (frame["lon"].abs() > 180)  # noqa: PLR2004 - degrees
    half = frame["lat"].isna() != frame["lon"].isna()
    return _rows(off | half, frame["restaurant_id"], "a place is off the globe or half known")


def _null_island(dataset: Dataset, _: pd.Timestamp) -> Finding:
    frame = dataset.restaurants
    at_zero = (frame["lat"] == 0) & (frame["lon"] == 0)
    return _rows(at_zero, frame["restaurant_id"], "a restaurant lies at 0° 0°: probably unknown")


def _prices(dataset: Dataset, _: pd.Timestamp) -> Finding:
    frame = dataset.restaurants
    bad = (frame["price_level"] < 1) | (frame["price_level"] > 4)  # noqa: PLR2004 - four levels
    worthless = frame["avg_value_minor"] <= 0
    bad = bad.fillna(value=False) | worthless.fillna(value=False)
    return _rows(
        bad, frame["restaurant_id"], "a price level is not 1 to 4, or a value not positive"
    )


def _hours(dataset: Dataset, _: pd.Timestamp) -> Finding:
    bad = [text for texts in dataset.restaurants["hours"] for text in texts if not _is_hours(text)]
    return len(bad), "opening hours are not of the form 'fri 18:00-02:00'", bad


def _is_hours(text: str) -> bool:
    try:
        parse_hours([text])
    except InvalidInput:
        return False
    return True


def _orphans(dataset: Dataset, _: pd.Timestamp) -> Finding:
    named = dataset.events["restaurant_id"]
    known = dataset.restaurants["restaurant_id"]
    return _rows(~named.isin(known), named, "events name restaurants that are not listed")


def _no_choices(dataset: Dataset, _: pd.Timestamp) -> Finding:
    kinds = ", ".join(sorted(dataset.events["type"].unique())) or "no event at all"
    message = f"there is no order to learn from, only {kinds}; map some rows as type 'order'"
    return int(dataset.choices.empty), message, []


def _too_few(dataset: Dataset, _: pd.Timestamp) -> Finding:
    events = dataset.events
    diners, places = events["user_id"].nunique(), events["restaurant_id"].nunique()
    message = f"{diners} diner(s) and {places} restaurant(s) with events: nothing can be compared"
    return int(min(diners, places) < _SMALLEST), message, []


def _no_values(dataset: Dataset, _: pd.Timestamp) -> Finding:
    missing = dataset.choices["value_minor"].isna()
    share = float(missing.mean()) if len(missing) else 0.0
    message = f"{share:.0%} of orders have no value; map `value` to train for revenue"
    return int(missing.sum()) if share > _SPARSE else 0, message, []


def _assumed_values(dataset: Dataset, _: pd.Timestamp) -> Finding:
    meta = dataset.meta
    return (meta.counts.orders if meta.assumed_values else 0), meta.assumption or "", []


def _sparse_restaurants(dataset: Dataset, _: pd.Timestamp) -> Finding:
    frame = dataset.restaurants
    bare = (frame["cuisines"].str.len() == 0) & (frame["attributes"].str.len() == 0)
    count = int(bare.sum())
    message = f"{count} of {len(frame)} restaurants have neither cuisine nor attribute"
    return (count if count > _SPARSE * len(frame) else 0), message, []


def _constant_times(dataset: Dataset, _: pd.Timestamp) -> Finding:
    times = dataset.events["occurred_at"]
    same = len(times) > 1 and bool((times == times.iloc[0]).all())
    return int(same) * len(times), "all events carry the same time: no order can be told", []


CHECKS: Final[tuple[tuple[str, Level, Callable[[Dataset, pd.Timestamp], Finding]], ...]] = (
    ("fingerprint", "error", _fingerprint),
    ("duplicate-events", "error", _duplicates),
    ("duplicate-restaurants", "error", _restaurants_twice),
    ("event-types", "error", _types),
    ("future-times", "error", _future),
    ("ancient-times", "warning", _ancient),
    ("constant-times", "error", _constant_times),
    ("negative-values", "error", _negative_values),
    ("huge-values", "warning", _huge_values),
    ("currency-mix", "error", _currencies),
    ("currency-missing", "error", _unpriced_currency),
    ("impossible-places", "error", _places),
    ("null-island", "warning", _null_island),
    ("impossible-prices", "error", _prices),
    ("opening-hours", "error", _hours),
    ("orphans", "error", _orphans),
    ("no-choices", "error", _no_choices),
    ("too-few", "error", _too_few),
    ("missing-values", "warning", _no_values),
    ("assumed-values", "warning", _assumed_values),
    ("bare-restaurants", "warning", _sparse_restaurants),
)
"""Every check: name, level and function."""
