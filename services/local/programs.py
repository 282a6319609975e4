"""The table of our own programs: what the stack runs beside Redis and Kafka.

A new program is one more row. The table is an argument of the stack, so that tests can run programs
of their own through the same code.
"""

from dataclasses import dataclass

__all__ = ["PROGRAMS", "Program"]


@dataclass(frozen=True, slots=True)
class Program:
    """A program, run by this Python.

    ``arguments`` follow the interpreter; ``port_field`` is the setting that tells the program its
    port; ``default_port`` None means any free one; ``health_path`` answers 200 when it is ready.
    """

    name: str
    arguments: tuple[str, ...]
    port_field: str
    default_port: int | None
    health_path: str
    metrics_path: str = "/metrics"
    stop_within_s: float = 10.0


def _consumer(kind: str) -> Program:
    return Program(
        name=f"consume-{kind}",
        arguments=("-m", "services.consumers", kind),
        port_field="metrics_port",
        default_port=None,
        health_path="/healthz",
    )


PROGRAMS = (
    Program(
        "inference",
        ("-m", "services.inference"),
        "inference_port",
        8080,
        "/readyz",
        stop_within_s=18.0,
    ),
    Program(
        "ingest", ("-m", "services.ingest"), "ingest_port", 8081, "/readyz", stop_within_s=15.0
    ),
    _consumer("features"),
    _consumer("archive"),
    _consumer("retrain"),
)
"""Started together once Redis and Kafka answer, stopped before them."""
