"""Numbers counted where requests run are the library's own in the end."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from maitred.tally import CounterTally, HistogramTally

BOUNDS = (0.001, 0.01, 0.1)
VALUES = (0.0, 0.001, 0.0011, 0.05, 0.1, 7.0)


def histogram() -> tuple[CollectorRegistry, Histogram]:
    registry = CollectorRegistry()
    made = Histogram("took_seconds", "Time.", ("step",), buckets=BOUNDS, registry=registry)
    return registry, made.labels("one")


def without_times(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if "_created" not in line]


def test_a_flushed_histogram_is_one_that_observed_each_value() -> None:
    told, direct = histogram()
    tallied, behind = histogram()
    tally = HistogramTally(behind, BOUNDS)

    for value in VALUES:
        direct.observe(value)
        tally.observe(value)
    tally.flush()
    tally.flush()  # nothing twice

    assert without_times(tallied) == without_times(told)


def test_a_flushed_counter_has_every_label() -> None:
    registry = CollectorRegistry()
    counter = Counter("replies", "Replies.", ("rung", "why"), registry=registry)
    tally = CounterTally(counter)

    for labels in (("popular", "none"), ("popular", "none"), ("static", "deadline")):
        tally.add(*labels)
    before = registry.get_sample_value("replies_total", {"rung": "popular", "why": "none"})
    tally.flush()
    tally.flush()

    assert before is None
    assert registry.get_sample_value("replies_total", {"rung": "popular", "why": "none"}) == 2
    assert registry.get_sample_value("replies_total", {"rung": "static", "why": "deadline"}) == 1
