"""``maitred simulate`` and ``maitred compare``: diners against the running services."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["compare", "simulate"]

simulate = typer.Typer(
    help="Diners as a closed loop, or a real log replayed; and what slowness costs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Inference = Annotated[
    str | None, typer.Option("--inference", help="URL; else the stack of MAITRED_STATE_DIR.")
]
Ingest = Annotated[str | None, typer.Option("--ingest", help="URL; else that stack's.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
K = Annotated[int, typer.Option("--k", min=1, max=100, help="Length of the lists.")]
Objectives = Annotated[
    str, typer.Option("--objectives", help="Comma-separated: clicks, revenue, balanced, w=0.25.")
]
CatalogueOf = Annotated[
    Path | None,
    typer.Option("--catalogue", help="Restaurants as JSON lines, or a model's folder."),
]
Seed = Annotated[int, typer.Option("--seed", help="The city's, as of `data synth`.")]
Restaurants = Annotated[int, typer.Option("--restaurants", min=1, help="As of `data synth`.")]
Diners = Annotated[int, typer.Option("--diners", min=1, help="Diners of the city.")]
CurveName = Annotated[
    str, typer.Option("--curve", help="booking, google, none, or ms:share,ms:share.")
]
PageMs = Annotated[float, typer.Option("--page-ms", min=0, help="What the rest of a page takes.")]


@simulate.command()
def replay(  # noqa: PLR0913  # options of a command
    events: Annotated[
        Path, typer.Option("--events", help="JSON lines; see `maitred data events`.")
    ],
    *,
    objective: Annotated[str, typer.Option("--objective", help="Or w=0.25.")] = "clicks",
    k: K = 10,
    rate: Annotated[float | None, typer.Option("--rate", min=0.01, help="Most choices/s.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N.")] = None,
    every: Annotated[
        int, typer.Option("--every", min=1, help="Ask before every N-th choice only.")
    ] = 1,
    inference: Inference = None,
    ingest: Ingest = None,
    as_json: AsJson = False,
) -> None:
    """Replay a real log: recommend before each choice, then let it happen."""
    from maitred.client import Aim  # noqa: PLC0415 - keeps --help fast
    from maitred.events import Traffic  # noqa: PLC0415
    from maitred.settings import load  # noqa: PLC0415
    from services.simulator import screen  # noqa: PLC0415
    from services.simulator.deps import connect  # noqa: PLC0415
    from services.simulator.log import read_log  # noqa: PLC0415
    from services.simulator.replay import Plan, replay  # noqa: PLC0415

    log, aim = read_log(events)[:limit], Aim.named(objective)
    with (
        connect(load(), Traffic.REPLAY, inference=inference, ingest=ingest) as deps,
        screen.counted("replaying", len(log)) as step,
    ):
        plan = Plan(deps.run_id("replay-"), aim, k, rate, every)
        result = replay(log, plan, deps.client, deps.clock, step)
    if as_json:
        screen.print_json(result)
    else:
        screen.print_replay(result, k)


@simulate.command()
def city(  # noqa: PLR0913  # options of a command
    *,
    objectives: Objectives = "clicks,revenue",
    catalogue: CatalogueOf = None,
    seed: Seed = 7,
    restaurants: Restaurants = 500,
    diners: Diners = 200,
    turns: Annotated[int, typer.Option("--turns", min=1, help="Visits of each diner.")] = 4,
    k: K = 10,
    feedback: Annotated[
        bool, typer.Option("--feedback", help="Send what diners do; settings get twins of them.")
    ] = False,
    explore: Annotated[bool, typer.Option("--explore/--greedy", help="As live, or best.")] = True,
    curve: CurveName = "booking",
    page_ms: PageMs = 500.0,
    added_ms: Annotated[float, typer.Option("--added-ms", min=0, help="More latency.")] = 0.0,
    currency: Annotated[str, typer.Option("--currency", help="Of the orders.")] = "USD",
    inference: Inference = None,
    ingest: Ingest = None,
    as_json: AsJson = False,
) -> None:
    """Close the loop: diners with hidden tastes come, look, order, or leave a slow page."""
    from maitred.client import Aim  # noqa: PLC0415 - keeps --help fast
    from maitred.events import Traffic  # noqa: PLC0415
    from maitred.settings import load  # noqa: PLC0415
    from services.simulator import screen  # noqa: PLC0415
    from services.simulator.abandonment import curve_of  # noqa: PLC0415
    from services.simulator.deps import connect  # noqa: PLC0415
    from services.simulator.loop import Scene, live  # noqa: PLC0415
    from services.simulator.places import city_of  # noqa: PLC0415
    from services.simulator.summary import costs_of_slowness, summarise  # noqa: PLC0415

    aims = tuple(Aim.named(name) for name in objectives.split(","))
    people = city_of(catalogue, seed, restaurants=restaurants, diners=diners)
    bends = curve_of(curve)
    with connect(load(), Traffic.SIMULATED, inference=inference, ingest=ingest) as deps:
        scene = Scene(
            city=people,
            aims=aims,
            curve=bends,
            run=deps.run_id("sim"),
            seed=seed,
            turns=turns,
            k=k,
            page_ms=page_ms,
            added_ms=added_ms,
            feedback=feedback,
            explore=explore,
            currency=currency,
        )
        with screen.counted("simulating", turns * diners * len(aims)) as step:
            arms = live(scene, deps.client, deps.clock, step)
    settings, slower = summarise(scene, arms), costs_of_slowness(scene, arms[0])
    if as_json:
        screen.print_json(
            {"simulated": True, "currency": currency, "curve": bends.source,
             "settings": settings, "slower": slower}
        )  # fmt: skip
    else:
        screen.print_loop(settings, slower, f"Abandonment: {bends.source}.")


@simulate.command()
def slower(
    *,
    added_ms: Annotated[list[float] | None, typer.Option("--added-ms", help="Repeatable.")] = None,
    page_ms: PageMs = 500.0,
    orders: Annotated[float, typer.Option("--orders", help="Orders to lose from.")] = 0.0,
    revenue: Annotated[float, typer.Option("--revenue", help="Money to lose from.")] = 0.0,
    curve: Annotated[list[str] | None, typer.Option("--curve", help="Repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """What added latency would cost in orders and money, by published curves."""
    from services.simulator import screen  # noqa: PLC0415 - keeps --help fast
    from services.simulator.abandonment import curve_of, latency_cost  # noqa: PLC0415

    costs = [
        latency_cost(curve_of(name), added, page_ms=page_ms, orders=orders, revenue=revenue)
        for name in curve or ("booking", "google")
        for added in added_ms or (50.0, 200.0)
    ]
    if as_json:
        screen.print_json(costs)
    else:
        screen.print_costs(costs)


def compare(  # noqa: PLR0913  # options of a command
    *,
    objectives: Objectives = "clicks,balanced,revenue,w=0.25,w=1",
    users: Annotated[
        Path | None, typer.Option("--users", help="An id a line; else those of --choices.")
    ] = None,
    choices: Annotated[
        Path | None, typer.Option("--choices", help="Held-out orders, JSON lines of events.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most diners.")] = 200,
    k: K = 10,
    catalogue: CatalogueOf = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="The diners live in this synthetic city.")
    ] = None,
    restaurants: Restaurants = 500,
    diners: Diners = 2000,
    inference: Inference = None,
    as_json: AsJson = False,
) -> None:
    """The same diners under each objective: quality, money, latency, overlap of the lists."""
    from maitred.client import Aim  # noqa: PLC0415 - keeps --help fast
    from maitred.events import Traffic  # noqa: PLC0415
    from maitred.settings import load  # noqa: PLC0415
    from services.simulator import screen  # noqa: PLC0415
    from services.simulator.compare import choices_of, compare  # noqa: PLC0415
    from services.simulator.deps import connect  # noqa: PLC0415
    from services.simulator.log import read_log  # noqa: PLC0415
    from services.simulator.places import city_of, compared_diners  # noqa: PLC0415

    aims = [Aim.named(name) for name in objectives.split(",")]
    held_out = choices_of(read_log(choices)) if choices else {}
    people = (
        None if seed is None else city_of(catalogue, seed, restaurants=restaurants, diners=diners)
    )
    asked = compared_diners(users, held_out, people)[:limit]
    with (
        connect(load(), Traffic.PREVIEW, inference=inference, ingest=None) as deps,
        screen.counted("comparing", len(asked)) as step,
    ):
        rows = compare(deps.client, asked, aims, k=k, choices=held_out, city=people, on_diner=step)
    if as_json:
        screen.print_json({"k": k, "settings": rows})
    else:
        screen.print_comparison(rows)
