"""Every metric of every program, with unit and meaning; and how programs log.

A program makes one :class:`Metrics` in its composition root. Names end in their unit.
"""

import json
import logging
import sys

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from typing_extensions import override

__all__ = ["FRESHNESS_S", "LATENCY_S", "Metrics", "configure_logging"]

LATENCY_S = (
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04,
    0.05, 0.07, 0.1, 0.2, 0.5, 1.0,
)  # fmt: skip
"""Upper bounds of the latency histograms' buckets, seconds: a step takes tenths of a millisecond."""


FRESHNESS_S = (
    0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 600.0,
)  # fmt: skip
"""Upper bounds of the buckets of freshness, seconds: within one is promised."""

_CHATTY = ("kafka", "httpx")
"""Libraries whose INFO is about every connection; they speak from WARNING on."""


class Metrics:
    """All metrics, on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        # inference
        self.requests = Counter(
            "maitred_recommendations_total",
            "Replies, by objective, rung, what ran short, and traffic.",
            ("objective", "rung", "degraded", "traffic"),
            registry=registry,
        )
        self.latency = Histogram(
            "maitred_recommendation_seconds",
            "Server time of a reply, from its first byte, seconds.",
            buckets=LATENCY_S,
            registry=registry,
        )
        self.batch_diners = Counter(
            "maitred_batch_diners_total", "Diners answered in batches.", registry=registry
        )
        self.batch_latency = Histogram(
            "maitred_batch_seconds",
            "Server time of a whole batch, from its first byte, seconds.",
            buckets=LATENCY_S,
            registry=registry,
        )
        self.lookups = Counter(
            "maitred_lookups_total",
            "Replies of similar and popular, by route and how: made, remembered, unchanged.",
            ("route", "how"),
            registry=registry,
        )
        self.steps = Histogram(
            "maitred_step_seconds",
            "Time of one step of a recommendation, seconds.",
            ("step",),
            buckets=LATENCY_S,
            registry=registry,
        )
        self.exhausted = Counter(
            "maitred_deadline_exhausted_total",
            "Replies whose budget ran out, by the step that found it spent.",
            ("step",),
            registry=registry,
        )
        self.shed = Gauge(
            "maitred_shed_probability",
            "Share of requests that take a cheaper rung at once, because the service is behind.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.loop_lag = Gauge(
            "maitred_loop_lag_seconds",
            "How late the event loop wakes, seconds.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.impressions = Counter(
            "maitred_impressions_total",
            "Impressions, by what became of them: logged, dropped.",
            ("outcome",),
            registry=registry,
        )
        self.swaps = Counter(
            "maitred_model_swaps_total",
            "Model swaps, by objective and outcome: swapped, refused.",
            ("objective", "outcome"),
            registry=registry,
        )
        self.catalogue_position = Gauge(
            "maitred_catalogue_position",
            "Pieces of the restaurants' change log that the worker farthest behind has applied.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.catalogue_behind = Gauge(
            "maitred_catalogue_behind_seconds",
            "How long ago a worker last knew every change of a restaurant, seconds.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.catalogue_overlay = Gauge(
            "maitred_catalogue_overlay_restaurants",
            "Restaurants that differ from the models' own: changed (new ones too), gone.",
            ("state",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        # events
        self.accepted = Counter(
            "maitred_events_total",
            "Events at ingest, by outcome: accepted, duplicate, too_old, rejected; and traffic.",
            ("outcome", "traffic"),
            registry=registry,
        )
        self.spooled = Counter(
            "maitred_events_spooled_total", "Events that went through the spool.", registry=registry
        )
        self.spool_bytes = Gauge(
            "maitred_spool_bytes",
            "Bytes waiting in the spool.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.unacknowledged = Gauge(
            "maitred_unacknowledged_events",
            "Events sent to the log and not acknowledged yet.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.consumed = Counter(
            "maitred_consumed_total",
            "Records a consumer applied, by consumer and outcome: applied, skipped, dead.",
            ("consumer", "outcome"),
            registry=registry,
        )
        self.lag = Gauge(
            "maitred_consumer_lag_records",
            "Records in the log that a consumer has not read, by partition.",
            ("consumer", "partition"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.freshness = Histogram(
            "maitred_event_freshness_seconds",
            "From when an event was appended to the log to when its diner's state is written, seconds.",
            buckets=FRESHNESS_S,
            registry=registry,
        )
        self.retrainings = Counter(
            "maitred_retrainings_total",
            "Retrainings, by objective and outcome: promoted, refused, failed.",
            ("objective", "outcome"),
            registry=registry,
        )
        self.unexpected = Counter(
            "maitred_unexpected_errors_total",
            "Errors that only an outermost loop caught, by program.",
            ("program",),
            registry=registry,
        )


class _JsonLines(logging.Formatter):
    @override
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(level: str) -> None:
    """Send this process's log to stderr, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
