"""A load report in words: the verdict first, then what it rests on."""

from collections.abc import Mapping, Sequence
from typing import Any

from loadtests.reports import footnote
from loadtests.tables import load_table, markdown_table, percent

__all__ = ["fault_rows", "knee_said", "markdown", "said", "step_rows"]

FAULT_HEAD = ("fault", "from s", "to s", "what was seen")
STEP_HEAD = (
    "offered per s",
    "requests",
    "p50 ms",
    "p99 ms",
    "max ms",
    "personalised",
    "holds",
    "why",
)


def said(content: Mapping[str, Any]) -> list[str]:
    """Return one sentence a run: its verdict, every limit with its figure, and the send lag."""
    return [
        f"{name}: **{run['verdict']}**: "
        + "; ".join([*map(str, run["held"]), f"send lag p99.9 {run['send_lag_p999_ms']} ms"])
        for name, run in content["open_loop"].items()
    ]


def knee_said(run: Mapping[str, Any]) -> str:
    """Return what a climb found, as a sentence."""
    if not run["knee_per_s"]:
        return "no step held, so there is no knee."
    least = "at least " if run["knee_is_bound"] else ""
    return f"the knee is {least}{run['knee_per_s']:,.0f} requests per second."


def fault_rows(windows: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    """Return fault windows as cells of a table."""
    return [[w["kind"], w["began_s"], w["ended_s"], w["note"]] for w in windows]


def step_rows(steps: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    """Return the steps to the knee as cells of a table."""
    names = ("rate_per_s", "requests", "p50_ms", "p99_ms", "max_ms")
    return [
        [
            *(step[name] for name in names),
            percent(step["personalised_share"]),
            "yes" if step["holds"] else "no",
            step["why"],
        ]
        for step in steps
    ]


def markdown(content: Mapping[str, Any]) -> str:
    """Return the whole report as Markdown."""
    runs = content["open_loop"]
    lines = ["# Load", "", f"Verdict: **{content['verdict']}**.", "", load_table(runs), ""]
    lines += [f"- {sentence}" for sentence in said(content)]
    lines += ["", _how(content), ""]
    for name, run in runs.items():
        lines += _steps(name, run) + _faults(name, run, content["timelines"][name]["windows"])
        lines += [f"- {name}: {example}" for example in run["examples"]]
    if content["people"]:
        lines += ["", "People (locust; they wait for each reply, so this decides nothing).", ""]
        lines += [load_table(content["people"]), ""]
    lines += [f"- {note}" for note in content["notes"]]
    return "\n".join([*lines, "", footnote(content), ""])


def _how(content: Mapping[str, Any]) -> str:
    cpu = [run["generator_cpu_us_per_request"] for run in content["open_loop"].values()]
    used = f"{max(cpu, default=0):.0f}"
    is_first = all(run.get("generator_real_time") for run in content["open_loop"].values())
    first = " and went first (real-time priority)" if is_first else ""
    return (
        f"Open loop, {content['arrivals']} arrivals, rated load {content['rate_per_s']:g} per second; "
        "latency from the moment a request was due. Personalised: share of the requests of diners "
        f"whom the model knows. The generator used at most {used} µs of CPU a request{first}."
    )


def _steps(name: str, run: Mapping[str, Any]) -> list[str]:
    if "steps" not in run:
        return []
    return [
        "",
        f"{name}: {knee_said(run)}",
        "",
        markdown_table(STEP_HEAD, step_rows(run["steps"])),
        "",
    ]


def _faults(name: str, run: Mapping[str, Any], windows: Sequence[Mapping[str, Any]]) -> list[str]:
    if "faults" not in run:
        return []
    table = markdown_table(FAULT_HEAD, fault_rows(windows))
    problems = [f"- could not be done: {problem}" for problem in run["faults"]["problems"]]
    during = ", ".join(
        f"{kind} {seen['personalised_share']}" for kind, seen in run["faults"]["during"].items()
    )
    outside = run["faults"]["outside_personalised_share"]
    shares = (
        f"{name}: personalised {outside} outside faults + 2 s; inside: {during or 'no request'}."
    )
    return ["", table, "", shares, *problems, ""]
