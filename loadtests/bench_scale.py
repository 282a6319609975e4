"""What size costs: a thousand restaurants beside a million of the same density, in turns.

With a place, without one, a million loading while requests go on, and what a further worker needs.
"""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import numpy as np
import orjson
import psutil  # type: ignore[import-untyped]
from numpy.typing import NDArray

from loadtests import scale
from loadtests.children import offer
from loadtests.served import Service, publish, serving, worker_pids
from maitred.artifact import Model, Verdict, load, score, shortlist, taste_of
from maitred.artifact.folder import read_diners
from maitred.catalogue import Filters
from maitred.client import Aim
from maitred.client.waits import percentile
from maitred.clock import Clock
from maitred.errors import Refused
from maitred.features import EMPTY
from maitred.policy import greedy
from maitred.seeds import generator
from maitred.store import models
from maitred.store.client import connect

__all__ = ["Effort", "measure"]

SMALL, LARGE = 1_000, 1_000_000
IN_RANGE = (50, 500, 5_000)
_TOLERANCE = 0.1
_RECALL_AT = 100
_RECALL_DINERS = 50
_SERVED_WITHIN_S = 60.0
_RATE, _LOAD_S = 100.0, 10.0
"""Offered while the other model loads: requests per second, seconds."""

Say = Callable[[str], None]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is asked."""

    rounds: int
    requests: int


def measure(
    redis_url: str, home: Path, effort: Effort, clock: Clock, say: Say
) -> dict[str, object]:
    """Measure everything; ``redis_url`` names a Redis whose databases 11 to 13 may be used."""
    databases = {SMALL: f"{redis_url}/11", LARGE: f"{redis_url}/12"}
    folders = {size: _folder(home, size, seed=7, say=say) for size in databases}
    with ExitStack() as stack:
        services = {
            size: stack.enter_context(_serving(url, home, folders[size], clock))
            for size, url in databases.items()
        }
        figures: dict[str, object] = {
            "place": _place(services, folders, effort, clock, say),
            "no_place": _no_place(services[LARGE], folders[LARGE], effort, clock, say),
            "loading": _loading(services[LARGE], databases[LARGE], home, clock, say),
        }
    figures["memory"] = _memory(databases[LARGE], home, folders[LARGE], clock)
    for folder in folders.values():
        shutil.rmtree(folder, ignore_errors=True)
    return figures | {"small": SMALL, "large": LARGE, "rounds": effort.rounds}


def _folder(home: Path, size: int, *, seed: int, say: Say) -> Path:
    folder = home / f"model-{size}-{seed}"
    if not (folder / "manifest.json").is_file():
        say(f"making a model of {size:,} restaurants")
        scale.write_model(folder, size, seed=seed)
    return folder


@contextmanager
def _serving(
    redis_url: str, home: Path, folder: Path, clock: Clock, *, workers: int = 1
) -> Iterator[Service]:
    publish(redis_url, folder)
    state = home / f"state-{folder.name}-{workers}"
    try:
        with serving(redis_url, state, clock, workers=workers) as service:
            yield service
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _place(
    services: dict[int, Service], folders: dict[int, Path], effort: Effort, clock: Clock, say: Say
) -> dict[str, object]:
    """Time requests with a place, one after another, sizes in turns."""
    figures: dict[str, object] = {}
    for wanted in IN_RANGE:
        radius_km = float(np.sqrt(wanted / scale.DENSITY_PER_KM2 / np.pi))
        sizes = [size for size in services if radius_km < scale.half_side_km(size)]
        queries = {
            size: _queries(load(folders[size]), wanted, radius_km, effort.requests)
            for size in sizes
        }
        rounds: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
        for number in range(effort.rounds):
            for size in sizes if number % 2 == 0 else reversed(sizes):
                rounds[size].append(_asked(services[size], queries[size], clock))
        medians = {
            str(size): {name: median(r[name] for r in runs) for name in runs[0]}
            for size, runs in rounds.items()
        }
        ratios = [
            median(a[name] / b[name] for a, b in zip(rounds[LARGE], rounds[SMALL], strict=True))
            for name in ("p50_ms", "cpu_ms")
        ] if SMALL in sizes else [None, None]  # fmt: skip
        figures[str(wanted)] = {"sizes": medians, "p50_ratio": ratios[0], "cpu_ratio": ratios[1]}
        say(f"{wanted} in range: {medians}, ratio {ratios}")
    return figures


def _queries(model: Model, wanted: int, radius_km: float, count: int) -> list[dict[str, object]]:
    """Return places where as many are in range as wanted, within ten per cent."""
    rng = generator(1, "places", wanted)
    inner = max(scale.half_side_km(model.n) - radius_km, 0.05) / 111.195
    queries: list[dict[str, object]] = []
    while len(queries) < count:
        lat = scale.HERE[0] + float(rng.uniform(-inner, inner))
        lon = scale.HERE[1] + float(rng.uniform(-inner, inner))
        near = model.catalogue.allowed(Filters(lat=lat, lon=lon, radius_km=radius_km)).rows.size
        if abs(near - wanted) <= _TOLERANCE * wanted:
            user = f"u{int(rng.integers(scale.DINERS)):04}"
            queries.append({"user_id": user, "lat": lat, "lon": lon, "radius_km": radius_km})
    return queries


def _asked(service: Service, queries: list[dict[str, object]], clock: Clock) -> dict[str, float]:
    """Ask one after another on one connection; return median and p99 ms, and server CPU ms each."""
    before = service.cpu_s()
    waits = []
    with httpx.Client(base_url=service.url, trust_env=False) as http:
        for query in queries:
            started = clock.monotonic()
            reply = http.get("/v1/recommendations", params=query | {"traffic": "preview"})
            waits.append((clock.monotonic() - started) * 1e3)
            reply.raise_for_status()
            if orjson.loads(reply.content)["rung"] != "personalised":
                waits[-1] = np.nan
    whole = np.sort(np.array(waits)[np.isfinite(waits)])
    return {
        "p50_ms": percentile(whole, 0.5),
        "p99_ms": percentile(whole, 0.99),
        "cpu_ms": (service.cpu_s() - before) * 1e3 / len(queries),
        "personalised": whole.size / len(queries),
    }


def _no_place(
    service: Service, folder: Path, effort: Effort, clock: Clock, say: Say
) -> dict[str, object]:
    """Ask without a place: every diner for the first time, then again; compare with all scores."""
    users = [f"u{i:04}" for i in range(min(effort.requests, scale.DINERS))]
    queries: list[dict[str, object]] = [{"user_id": user} for user in users]
    first = _asked(service, queries, clock)
    again = _asked(service, queries, clock)
    recall = _recall(service, load(folder), dict(_some(folder)))
    say(f"without a place: first {first}, again {again}, recall@{_RECALL_AT} {recall:.4f}")
    return {"first": first, "again": again, "recall_100": recall}


def _some(folder: Path) -> Iterator[tuple[str, object]]:
    for number, (user, row) in enumerate(read_diners(folder)):
        if number == _RECALL_DINERS:
            return
        yield user, row


def _recall(service: Service, model: Model, rows: dict[str, object]) -> float:
    """Return the share of the exact hundred best by score that the reply holds, over diners."""
    shares = []
    with httpx.Client(base_url=service.url, trust_env=False) as http:
        for user, row in rows.items():
            reply = http.get(
                "/v1/recommendations",
                params={"user_id": user, "k": _RECALL_AT, "explore": "false", "traffic": "preview"},
            ).json()
            taste = taste_of(row, EMPTY, model.catalogue.index)  # type: ignore[arg-type]
            scored = score(model, taste, shortlist(model, taste, model.catalogue.everything))
            best = scored.candidates[greedy(scored.log_p, _RECALL_AT)]
            exact = {model.catalogue.ids[i] for i in best.tolist()}
            shares.append(len(exact & {i["restaurant_id"] for i in reply["items"]}) / len(exact))
    return float(np.mean(shares))


def _loading(
    service: Service, redis_url: str, home: Path, clock: Clock, say: Say
) -> dict[str, object]:
    """Promote another million while requests go on; return how long, how much, and who failed."""
    folder = _folder(home, LARGE, seed=8, say=say)
    with connect(redis_url, timeout_s=60.0) as redis:
        champion = models.current(redis).clicks
        passed = Verdict(passed=True, champion=champion, checks=[])
        version = models.publish(redis, folder, passed)
        before = peak = _resident(service)
        with ThreadPoolExecutor(1) as beside:
            offered = beside.submit(offer, service.url, Aim(), rate=_RATE, seconds=_LOAD_S)
            clock.sleep(_LOAD_S / 4)
            models.promote(redis, version)
            started = clock.monotonic()
            while service.versions()["clicks"] != version:
                peak = max(peak, _resident(service))
                if clock.monotonic() - started > _SERVED_WITHIN_S:
                    msg = f"{version} was promoted and is not served after {_SERVED_WITHIN_S:g} s"
                    raise Refused(msg, next_step=f"see {service.log}")
                clock.sleep(0.05)
            took_s = clock.monotonic() - started
            summary, _ = offered.result()
    size = sum(f.stat().st_size for f in folder.glob("*.npy") if "diners" not in f.name)
    shutil.rmtree(folder, ignore_errors=True)
    say(f"loading took {took_s:.2f} s; {summary['failures']} of {summary['requests']} failed")
    return {
        "seconds": took_s,
        "model_bytes": size,
        "resident_before": before,
        "resident_peak": peak,
        "peak_of_two_models": (peak - before + size) / (2 * size),
        "under_load": summary,
    }


def _resident(service: Service) -> int:
    """Return the bytes that the service's processes hold, shared pages counted once."""
    root = psutil.Process(service.pid)
    total = 0
    for process in (root, *root.children(recursive=True)):
        total += process.memory_full_info().pss
    return total


def _memory(redis_url: str, home: Path, folder: Path, clock: Clock) -> dict[str, object]:
    """Return what a second worker needs beyond one without a model."""
    with serving(f"{redis_url[: redis_url.rindex('/')]}/13", home / "state-empty", clock) as empty:
        bare = psutil.Process(empty.pid).memory_full_info().uss
    shutil.rmtree(home / "state-empty", ignore_errors=True)
    with _serving(redis_url, home, folder, clock, workers=2) as service:
        pids = worker_pids(service)
        uss = [psutil.Process(pid).memory_full_info().uss for pid in pids]
    size = sum(f.stat().st_size for f in folder.glob("*.npy") if "diners" not in f.name)
    extra = min(uss) - bare
    return {"workers": len(pids), "uss": uss, "bare": bare, "extra_of_model": extra / size}
