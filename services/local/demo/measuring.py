"""The acts that measure: load, simulated diners under each setting, and the archive's books."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from services.local.demo.report import Simulated, Slower
from services.local.demo.stage import Stage

__all__ = ["Books", "Loaded", "audit", "closed_loop", "load_test", "slower"]

_REPORT: Final = Path(".maitred/reports/load.json")
_RATE: Final = "250"
_SECONDS: Final = "10"
_VERDICTS: Final = (0, 1, 3)
"""Passed, failed, void: each is a result; the card shows the figures."""

_DINERS: Final = "80"
_TURNS: Final = "3"
_PATIENCE_S: Final = 15.0
_CURVES: Final = ("booking", "google")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The open loop's figures, both objectives together; percentiles are those of the slower."""

    requests: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    p999_ms: float | None
    rungs: dict[str, int]
    verdict: str


@dataclass(frozen=True, slots=True)
class Books:
    """Events that ingest accepted, those of them in the archive, and rows beyond one for an event.

    Impressions are not accepted events and are left out.
    """

    accepted: int
    archived: int
    repeated: int


def load_test(stage: Stage) -> Loaded:
    """Load the stack: people by locust, then an open loop, for both objectives."""
    stage.commands.module(
        "load: locust, then an open loop", "loadtests.run",
        "--state", stage.stack, "--users-file", stage.users_file,
        "--rate", _RATE, "--seconds", _SECONDS, "--people-seconds", "4",
        codes=_VERDICTS,
    )  # fmt: skip
    said = json.loads(_REPORT.read_text(encoding="utf-8"))
    runs: list[dict[str, Any]] = list(said["open_loop"].values())
    tails = [run["p999_ms"] for run in runs]
    rungs: Counter[str] = Counter()
    for run in runs:
        rungs.update(run["rungs"])
    return Loaded(
        requests=sum(run["requests"] for run in runs),
        failures=sum(run["failures"] for run in runs),
        p50_ms=max(run["p50_ms"] for run in runs),
        p95_ms=max(run["p95_ms"] for run in runs),
        p99_ms=max(run["p99_ms"] for run in runs),
        p999_ms=None if None in tails else max(tails),
        rungs=dict(rungs),
        verdict=said["verdict"],
    )


def closed_loop(stage: Stage, version: str) -> list[Simulated]:
    """Let the same simulated diners live under each setting, and return what each one earns."""
    said = stage.commands.ask(
        "simulated diners under each setting", "simulate", "city",
        "--catalogue", stage.stack / "models" / version, "--feedback",
        "--objectives", "clicks,balanced,revenue,w=1", "--diners", _DINERS, "--turns", _TURNS,
    )  # fmt: skip
    return [
        Simulated(
            name=row["name"],
            diners=row["diners"],
            revenue_per_diner=row["against_first"]["expected_revenue_per_diner"],
            orders_per_diner=row["against_first"]["expected_orders_per_diner"],
        )
        for row in said["settings"]
        if row["against_first"] is not None
    ]


def slower(stage: Stage) -> list[Slower]:
    """Return what +50 and +200 ms would cost, by published curves."""
    words = [word for name in _CURVES for word in ("--curve", name)]
    said = stage.commands.ask("what slower would cost", "simulate", "slower", *words)
    return [
        Slower(
            curve=cost["curve"],
            added_ms=cost["added_ms"],
            lost_conversion=cost["lost_conversion"],
            lost_revenue_share=cost["lost_conversion"],
        )
        for cost in said
    ]


def audit(stage: Stage, ingest: str) -> Books:
    """Hold what ingest accepted against the archive, once that had time to write it."""
    accepted = _accepted(ingest)
    started = stage.clock.monotonic()
    while True:
        said = stage.commands.ask("is every accepted event archived once?", "events", "audit")
        archived = sum(
            n for kind, n in said["by_kind"].items() if not kind.startswith("impression")
        )
        if archived >= accepted or stage.clock.monotonic() - started > _PATIENCE_S:
            return Books(accepted, archived, said["repeated"])
        stage.clock.sleep(1.0)


def _accepted(ingest: str) -> int:
    """Read how many events ingest has said 202 to, of any traffic."""
    text = httpx.get(f"{ingest}/metrics", trust_env=False).text
    return int(
        sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "maitred_events_total" and sample.labels["outcome"] == "accepted"
        )
    )
