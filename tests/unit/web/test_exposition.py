"""What several processes say together."""

from prometheus_client import CollectorRegistry, Gauge

from maitred.observability import Metrics


def test_no_gauge_outlives_the_process_that_set_it() -> None:
    metrics = Metrics(CollectorRegistry())

    gauges = [value for value in vars(metrics).values() if isinstance(value, Gauge)]

    assert gauges
    assert [g._name for g in gauges if not g._multiprocess_mode.startswith("live")] == []
