"""From the trainer's reports, which are JSON, to the tables of two cards."""

import json
from collections.abc import Mapping
from typing import Any

from services.local.demo.report import Ml, ModelQuality, Sales, Setting, Simulated, Slice
from services.local.demo.stage import Stage

__all__ = ["ml", "sales"]

_PROTOCOL = "last"
_SHOWN = (0.1, 0.25, 0.5, 1.0)
"""Settings of the dial that the card shows beside the chosen one; the run's report has them all."""


def ml(stage: Stage) -> Ml:
    """Return every recommender's quality, both slices; the served one by its name."""
    report = _report(stage, "table-clicks")
    everything, new = report["slices"]["all"], report["slices"]["new"]
    return Ml(
        n=everything["n"],
        protocol=_PROTOCOL,
        served=report["subject"],
        models={
            name: _quality(row, new["models"][name], new["n"])
            for name, row in everything["models"].items()
        },
    )


def sales(stage: Stage, simulated: list[Simulated]) -> Sales:
    """Return what each setting captures: clicks, the balanced weight, revenue, and the dial."""
    clicks, revenue = _report(stage, "table-clicks"), _report(stage, "table-revenue")
    dial = clicks["tradeoff"]
    chosen = dial["chosen"]
    settings = [_setting("clicks", 0.0, clicks["slices"]["all"]["models"][clicks["subject"]])]
    for point in dial["test"]:
        weight = point["weight"]
        if weight == chosen:
            settings.insert(1, _setting("balanced", weight, point))
        elif weight in _SHOWN:
            settings.append(_setting(f"w={weight:g}", weight, point))
    settings.insert(
        2, _setting("revenue", None, revenue["slices"]["all"]["models"][revenue["subject"]])
    )
    return Sales(
        currency=clicks["currency"] or "",
        assumed_values=clicks["assumed_values"],
        settings=settings,
        simulated=simulated,
    )


def _report(stage: Stage, run: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    return json.loads((stage.run(run) / "report.json").read_text(encoding="utf-8"))


def _quality(row: Mapping[str, Any], new: Mapping[str, Any], n_new: int) -> ModelQuality:
    return ModelQuality(
        hit_rate_10=row["hit_rate_10"],
        ndcg_10=row["ndcg_10"],
        slice_new=Slice(n=n_new, hit_rate_10=new["hit_rate_10"], ndcg_10=new["ndcg_10"]),
    )


def _setting(name: str, weight: float | None, figures: Mapping[str, Any]) -> Setting:
    return Setting(
        name=name,
        revenue_weight=weight,
        captured_per_diner=figures["captured_per_diner"],
        hit_rate_10=figures["hit_rate_10"],
    )
