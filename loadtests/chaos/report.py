"""What a run of chaos says: one line of counts, and a report that tells all of it."""

import argparse
from collections.abc import Mapping, Sequence

from loadtests.chaos.plan import Strike
from loadtests.chaos.stream import Stream
from loadtests.chaos.verdict import Verdict
from loadtests.reports import footnote, provenance, write
from loadtests.tables import markdown_table
from maitred.clock import Clock

__all__ = ["line", "written"]


def written(
    options: argparse.Namespace,
    plan: Sequence[Strike],
    struck: Sequence[Mapping[str, object]],
    stream: Stream,
    verdict: Verdict,
    seconds: float,
    clock: Clock,
) -> str:
    """Write ``chaos.json`` and ``.md``; return the line of counts and the first differences."""
    command = (
        f"python -m loadtests.chaos --rounds {options.rounds} --seed {options.seed} "
        f"--brokers {options.brokers}" + (" --short" if options.short else "")
    )
    said = line(len(struck), len(plan), options, verdict)
    content = provenance(clock, command) | {
        "has_passed": verdict.has_passed,
        "seconds": round(seconds, 1),
        "counts": verdict.counts,
        "stream": dict(sorted(stream.counts.items())),
        "problems": verdict.problems[:100],
        "plan": [str(strike) for strike in plan],
        "struck": list(struck),
    }
    rows = [[x["kind"], x["victim"], x["well_again_s"]] for x in struck]
    counts = [[name, count] for name, count in {**verdict.counts, **content["stream"]}.items()]
    body = "\n\n".join(
        [
            "# Chaos",
            said,
            *(f"- {problem}" for problem in verdict.problems[:20]),
            markdown_table(["what", "events"], counts),
            markdown_table(["struck", "victim", "all well again after, s"], rows),
            footnote(content),
        ]
    )
    write("chaos", content, body + "\n", None)
    return "\n".join([*(f"DIFFERENCE {x}" for x in verdict.problems[:10]), said]) + "\n"


def line(struck: int, planned: int, options: argparse.Namespace, verdict: Verdict) -> str:
    """Return the run in one line."""
    c = verdict.counts
    return (
        f"chaos: {struck} of {planned} rounds, seed {options.seed}, {options.brokers} broker(s): "
        f"{c.get('accepted', 0)} accepted, {c.get('archived', 0)} archived, "
        f"{c.get('missing', 0)} missing; twice in the log {c.get('in the log twice', 0)}, in the "
        f"archive {c.get('in the archive twice', 0)}; {c.get('diners', 0)} diners, "
        f"{c.get('diners that differ', 0)} differ; {c.get('partitions stuck', 0)} partitions stuck: "
        f"{'passed' if verdict.has_passed else 'FAILED'}"
    )
