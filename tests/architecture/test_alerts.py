"""docs/alerts.yml asks for metrics that there are, and sends people to pages that there are."""

import re
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from maitred.observability import Metrics
from maitred.settings import Settings
from tests.support.repository import ROOT

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "docs/alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
METRIC = re.compile(r"\b(maitred_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"([^\"]*)\"")


def series() -> dict[str, tuple[str, ...]]:
    """Every name that a scrape shows, with its labels."""
    found: dict[str, tuple[str, ...]] = {}
    for metric in vars(Metrics(CollectorRegistry())).values():
        if not hasattr(metric, "describe"):
            continue
        for family in metric.describe():
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
            for suffix in suffixes.get(family.type, [""]):
                extra = ("le",) if suffix == "_bucket" else ()
                found[family.name + suffix] = (*metric._labelnames, *extra)
    return found


SERIES = series()


def anchors() -> set[str]:
    """What a link to a heading of the runbook ends in."""
    page = (ROOT / "docs/runbook.md").read_text("utf-8")
    titles = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_reads_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    asked = METRIC.findall(rule["expr"])

    assert asked
    for name, labels in asked:
        assert name in SERIES, name
        for label, _ in LABEL.findall(labels):
            assert label in SERIES[name], f"{name} has no label {label}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_how_urgent_it_is_and_where_to_read_on(
    rule: dict[str, Any],
) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")

    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    assert (page, anchor in anchors()) == ("runbook.md", True), anchor


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in RULES]

    assert len(set(names)) == len(names)


def test_the_spools_cap_in_the_rules_is_the_default() -> None:
    [rule] = [rule for rule in RULES if rule["alert"] == "SpoolFillsUp"]

    assert str(Settings.model_fields["spool_max_bytes"].default) in rule["expr"]
