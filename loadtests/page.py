"""A load report as one HTML page that needs nothing else: no script, no font, no request."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from loadtests.charts import Timeline, knee_chart, lag_chart, latency_chart, rungs_chart
from loadtests.record import LAG_LIMIT_MS
from loadtests.reports import footnote
from loadtests.tables import percent
from loadtests.timeline import Moment
from loadtests.verdicts import FAULT_HEAD, STEP_HEAD, fault_rows, knee_said, step_rows
from maitred.client.waits import LATE_MS

__all__ = ["drawn_timeline", "page"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2329; --paper: #fff; --back: #f4f5f7; --rule: #dfe3e8;
  --soft: #5b6672; --c1: #1f6f8b; --c2: #66a182; --c3: #e0a030; --c4: #8d96a3; --c5: #c8384e;
  --c6: #5d576b; --limit: #b00020; --fault: #d1495b; --wash: #dcebf0; --good: #1e7b4d;
  --bad: #b3261e; --void: #8a6100; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --paper: #1b2027; --back: #12161b;
  --rule: #343c46; --soft: #a2adb9; --c1: #58b4d1; --c2: #8fcfa9; --c3: #f0c36d; --c4: #8b96a5;
  --c5: #ff7b86; --c6: #b3a9d1; --limit: #ff6b6b; --fault: #ff7b86; --wash: #1e3440;
  --good: #2f9e68; --bad: #d5544b; --void: #b98a1d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; margin: .5rem 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.verdict { display: inline-block; padding: .2rem .9rem; border-radius: .4rem; color: #fff;
  font-weight: 600; text-transform: uppercase; letter-spacing: .05em; }
.passed { background: var(--good); } .failed { background: var(--bad); } .void { background: var(--void); }
section, .card { background: var(--paper); border: 1px solid var(--rule); border-radius: .5rem;
  padding: .75rem 1rem; margin: .75rem 0; }
section h2 { margin-top: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .25rem .45rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { color: var(--soft); font-weight: 600; }
.yes { color: var(--good); } .no { color: var(--bad); font-weight: 600; }
svg { display: block; width: 100%; height: auto; }
.draw { overflow-x: auto; } .draw svg { min-width: 34rem; }
p, li { max-width: 48rem; } footer, .soft { color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
"""

_FIGURES = {
    "requests": "requests", "p50 ms": "p50_ms", "p95 ms": "p95_ms", "p99 ms": "p99_ms",
    "p99.9 ms": "p999_ms", "max ms": "max_ms", "failures": "failures",
    "personalised": "personalised_share", "resent": "resent", "send lag p99.9": "send_lag_p999_ms",
}  # fmt: skip


def page(content: Mapping[str, Any], curves: str) -> str:
    """Return the report of ``loadtests.run`` as a page; ``curves`` is the latency plot, as SVG."""
    runs = content["open_loop"]
    verdict = content["verdict"]
    figures = [[name, *_figures(run, _FIGURES.values())] for name, run in runs.items()]
    how = (
        f"Rated load {content['rate_per_s']:g} requests due per second, "
        f"{escape(content['arrivals'])} arrivals; latency from the moment a request was due."
    )
    parts = [
        f'<h1>Load <span class="verdict {verdict}">{verdict}</span></h1>',
        f'<p class="soft">{how}</p>',
        f'<div class="card wide">{_checks(runs)}</div>',
        f'<div class="card wide">{_table(("run", *_FIGURES), figures)}</div>',
        f'<div class="card draw">{curves}</div>',
        *(_run(name, run, content["timelines"][name]) for name, run in runs.items()),
        _people(content["people"]),
        _list(content["notes"]),
        f"<footer><p>{escape(footnote(content).replace('`', ''))}</p></footer>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Load: {verdict}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def drawn_timeline(drawn: Mapping[str, Any]) -> Timeline:
    """Return a timeline as the report's JSON has it."""
    moments = [Moment(**moment) for moment in drawn["moments"]]
    return Timeline(drawn["every_s"], moments, drawn["windows"])


def _checks(runs: Mapping[str, Any]) -> str:
    rows = [
        [
            name,
            check["name"],
            check["value"],
            f"{check['bound']} {check['limit']:g}",
            check["value"] is not None and check["passed"],
        ]
        for name, run in runs.items()
        for check in run["checks"]
    ]
    if not rows:
        return "<p>No limit was judged.</p>"
    cells = [
        [row[0], _mark(is_kept=bool(row[4]), stated=row[2] is not None), *row[1:4]] for row in rows
    ]
    return _table(("run", "kept", "limit on", "measured", "limit"), cells)


def _mark(*, is_kept: bool, stated: bool) -> "_Html":
    if not stated:
        return _Html("not stated")
    return _Html('<span class="yes">yes</span>' if is_kept else '<span class="no">no</span>')


def _run(name: str, run: Mapping[str, Any], drawn: Mapping[str, Any]) -> str:
    time = drawn_timeline(drawn)
    charts = [
        rungs_chart(time, "Requests by rung"),
        latency_chart(time, "Latency", limit_ms=LATE_MS),
        lag_chart(time, "Send lag of the generator", limit_ms=LAG_LIMIT_MS),
    ]
    parts = [
        f'<h2>{escape(name)} <span class="verdict {run["verdict"]}">{run["verdict"]}</span></h2>'
    ]
    if "steps" in run:
        parts.append(f"<p>{knee_said(run).capitalize()}</p>")
        charts.insert(0, knee_chart(run["steps"], "Steps to the knee"))
        parts.append(f'<div class="wide">{_table(STEP_HEAD, step_rows(run["steps"]))}</div>')
    parts += [f'<div class="draw">{chart}</div>' for chart in charts]
    if drawn["windows"]:
        parts.append(f'<div class="wide">{_table(FAULT_HEAD, fault_rows(drawn["windows"]))}</div>')
        parts.append(_list(run["faults"]["problems"]))
    parts.append(_list(run["examples"]))
    return f"<section>{''.join(parts)}</section>"


def _people(people: Mapping[str, Any]) -> str:
    if not people:
        return ""
    names = {head: key for head, key in _FIGURES.items() if key in next(iter(people.values()))}
    rows = [[name, *_figures(run, names.values())] for name, run in people.items()]
    said = "Locust's users wait for each reply before they ask again, so this decides nothing."
    return f'<section><h2>People</h2><p>{said}</p><div class="wide">{_table(("run", *names), rows)}</div></section>'


def _figures(run: Mapping[str, Any], keys: Iterable[str]) -> list[object]:
    return [percent(run.get(k)) if k == "personalised_share" else run.get(k) for k in keys]


class _Html(str):
    """Text that is markup already."""

    __slots__ = ()


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, _Html):
        return f"<td>{value}</td>"
    if value is None:
        return "<td>-</td>"
    return f"<td>{value:,g}</td>" if isinstance(value, float) else f"<td>{escape(str(value))}</td>"


def _list(words: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(word)}</li>' for word in words)}</ul>" if words else ""
