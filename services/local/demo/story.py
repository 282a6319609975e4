"""The story of the demo, top to bottom; each act is a module beside this one."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from rich.console import Console

from maitred.clock import Clock
from maitred.settings import Settings
from services.local.demo import cards, learning, measuring, screenshot, tables
from services.local.demo.measuring import Books, Loaded
from services.local.demo.report import Loop, Product, Report, Slower
from services.local.demo.stage import Stage
from services.local.demo.turning import Turned, part, turn
from services.local.stack import running
from services.simulator.log import read_log

__all__ = ["HOME", "tell"]

HOME: Final = Path(".maitred/demo")
_REPORTS: Final = Path(".maitred/reports")
"""Where `make results` looks for reports."""
_ENOUGH: Final = 0.95
"""Share of the replayed events that starts the retraining, so that it starts while they come."""
_NEVER_HOURS: Final = 24 * 365.0
_PAGE: Final = (1100, 2000)


def tell(settings: Settings, clock: Clock, console: Console, home: Path = HOME) -> Report:
    """Run the whole story and return what it measured; the last run is wiped first."""
    started_at, started = clock.now(), clock.monotonic()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    stage = Stage(home, settings, clock, console)

    stage.act(1, "Data: real sessions come in")
    source = learning.prepare(stage)
    log = read_log(stage.log)

    stage.act(2, "Training: for clicks, and for revenue")
    learning.train(stage)

    stage.act(3, "Serving: Redis, Kafka and every program start")
    enough = int(_ENOUGH * len(part(log)[0]))
    with running(_stack_settings(stage, enough), clock=clock) as stack:
        learning.publish(stage)

        stage.act(4, "The loop: events, archive, retraining, swap")
        turned = turn(stage, stack, log)

        stage.act(5, "Load and comparison")
        loaded = measuring.load_test(stage)
        version = stack.status()["models"]["clicks"]
        simulated = measuring.closed_loop(stage, str(version))
        slower = measuring.slower(stage)
        books = measuring.audit(stage, stack.urls["ingest"])

    report = Report(
        data_source=source,
        commit=_commit(),
        started_at=started_at.isoformat(timespec="seconds"),
        seconds=round(clock.monotonic() - started, 1),
        ml=tables.ml(stage),
        sales=tables.sales(stage, simulated),
        product=_product(turned, loaded, slower),
        loop=_loop(turned, books),
        notes=[f"failed while the loop turned: {what}" for what in turned.watch.failures],
    )
    _write(stage, report)
    return report


def _stack_settings(stage: Stage, enough: int) -> Settings:
    """Return settings of a stack of the demo's own, on free ports, that learns from the replay."""
    return stage.settings.model_copy(
        update={
            "state_dir": stage.stack,
            "redis_url": None,
            "kafka_bootstrap": None,
            "inference_port": 0,
            "ingest_port": 0,
            "valkey_port": 0,
            "kafka_port": 0,
            "ingest_url": None,
            "pseudonym_key": None,
            "retrain_traffic": "replay",
            "retrain_events": enough,
            "retrain_hours": _NEVER_HOURS,
            "retrain_data": stage.past.absolute(),
        }
    )


def _product(turned: Turned, loaded: Loaded, slower: list[Slower]) -> Product:
    serving_s = turned.watch.seconds_to_serving()
    return Product(
        requests=loaded.requests,
        failures=loaded.failures,
        p50_ms=loaded.p50_ms,
        p95_ms=loaded.p95_ms,
        p99_ms=loaded.p99_ms,
        p999_ms=loaded.p999_ms,
        rungs=loaded.rungs,
        event_to_change_s=round(turned.event_to_change_s, 3),
        promote_to_serving_s=None if serving_s is None else round(serving_s, 3),
        failed_during_swap=len(turned.watch.failures),
        slower=slower,
    )


def _loop(turned: Turned, books: Books) -> Loop:
    return Loop(
        accepted=books.accepted,
        archived=books.archived,
        duplicates=books.repeated,
        retrained_version=turned.retrained_version,
        retrained_vs_frozen=turned.against_frozen,
    )


def _write(stage: Stage, report: Report) -> None:
    """Write the report in each of its forms, and pictures where a browser is found."""
    home = stage.home
    _REPORTS.mkdir(parents=True, exist_ok=True)
    for json_file in (home / "report.json", _REPORTS / "demo.json"):
        report.write(json_file)
        json_file.with_suffix(".md").write_text(cards.markdown(report), encoding="utf-8")
    page = home / "report.html"
    page.write_text(cards.page(report), encoding="utf-8")
    chromium = screenshot.find_chromium(stage.settings.chromium)
    if chromium is None:
        stage.console.print("no Chromium was found, so no screenshots (name one: MAITRED_CHROMIUM)")
    elif not screenshot.take(chromium, page, home / "screenshots" / "report.png", size=_PAGE):
        stage.console.print(f"[yellow]{chromium} took no screenshot of {page}[/]")


def _commit() -> str:
    try:
        said = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607  # whichever git is installed
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()
