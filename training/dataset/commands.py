"""``maitred data``: fetch, import, synth, validate and split data sets."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from maitred.erasure import erasure_key
from maitred.errors import KeyMismatch, Unavailable, UsageError
from maitred.events import encode
from maitred.pseudonyms import Pseudonyms
from maitred.store.client import connect
from training.dataset import archive, screen
from training.dataset.deps import Dependencies, dependencies, redis_url
from training.dataset.disguise import under_pseudonyms
from training.dataset.erased import saying, without_erased
from training.dataset.fetch import download_entree, find_entree, search_path
from training.dataset.folder import load, refuse_foreign_folder, save
from training.dataset.importing import Import, import_files
from training.dataset.live import live_restaurants, with_restaurants
from training.dataset.mapping import read_mapping
from training.dataset.split import newest
from training.dataset.split import split as split_dataset
from training.dataset.synthetic import synthesise
from training.dataset.validate import validate as check_dataset
from training.dataset.wire import wire_events

__all__ = ["data"]

data = typer.Typer(
    help="Fetch, make, import, validate and split data sets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Out = Annotated[Path, typer.Option("--out", help="Data set folder to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a folder that holds something else.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
Cut = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"],
        help="`time`: the first moment held out; UTC unless it has an offset.",
    ),
]
DatasetFolder = Annotated[Path, typer.Argument(help="Data set folder.", metavar="DATASET")]


@data.command()
def fetch(
    name: Annotated[str, typer.Argument(help="Which set; there is `entree`.")],
    *,
    out: Annotated[Path | None, typer.Option("--out", help="Default: <state>/data/<name>.")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Find a public set on this machine, or download it; check its files; import it."""
    deps = dependencies()
    if name != "entree":
        msg = f"there is no set '{name}' to fetch; there is entree"
        raise UsageError(msg, next_step="bring your own with `maitred data import`")
    target = out or deps.settings.state_dir / "data" / name
    refuse_foreign_folder(target, force=force)
    source = _entree(deps)
    _import(deps, "entree", source, target, force=force, as_json=as_json)


def _entree(deps: Dependencies) -> Path:
    downloaded = deps.settings.state_dir / "raw" / "entree-chicago"
    places = (*search_path(deps.settings.data_dir), downloaded)
    found = find_entree(places)
    if found is not None:
        return found
    with screen.progress_bar(deps.progress, "downloading Entree") as bar:
        try:
            return download_entree(downloaded, advance=bar.by)
        except Unavailable as error:
            looked = ", ".join(str(place) for place in places)
            msg = f"{error} (looked in {looked})"
            raise Unavailable(msg, next_step=error.next_step) from error


@data.command("import")
def import_(
    *,
    mapping: Annotated[str, typer.Option("--mapping", help="TOML file, or a shipped one's name.")],
    source: Annotated[Path, typer.Option("--source", help="Folder of the files.")],
    out: Out,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Turn files into a data set as a mapping says; bad rows go to quarantine with a reason."""
    deps = dependencies()
    refuse_foreign_folder(out, force=force)
    _import(deps, mapping, source, out, force=force, as_json=as_json)


def _import(
    deps: Dependencies, mapping: str, source: Path, out: Path, *, force: bool, as_json: bool
) -> None:
    tolerance = timedelta(seconds=deps.settings.future_tolerance_s)
    with screen.progress_bar(deps.progress, "reading") as bar:
        done = import_files(
            read_mapping(mapping),
            source,
            latest=deps.clock.now() + tolerance,
            pseudonyms=Pseudonyms.of(deps.settings),
            advance=bar.named,
        )
        save(done.dataset, out, accounts=done.accounts, force=force)
    if as_json:
        typer.echo(json.dumps(_import_json(done, out)))
        return
    screen.show_accounts(deps.out, done.accounts)
    screen.show_meta(deps.out, done.dataset.meta, str(out))
    deps.out.print(f"next: maitred data validate {out}", markup=False)


def _import_json(done: Import, out: Path) -> dict[str, object]:
    meta = done.dataset.meta.model_dump(by_alias=True)
    return {"schema": 1, "out": str(out), "dataset": meta, "accounts": done.accounts.summary()}


@data.command()
def synth(
    *,
    out: Out,
    seed: Annotated[int, typer.Option(help="Of the city and all that happens in it.")] = 7,
    restaurants: Annotated[int, typer.Option(help="How many.")] = 500,
    diners: Annotated[int, typer.Option(help="How many.")] = 2000,
    days: Annotated[int, typer.Option(help="How long the city is watched.")] = 28,
    force: Force = False,
) -> None:
    """Make the log of a synthetic city whose hidden tastes are known; equal seeds, equal bytes."""
    deps = dependencies()
    refuse_foreign_folder(out, force=force)
    with screen.progress_bar(deps.progress, "days", total=days) as bar:
        dataset = synthesise(
            seed, restaurants=restaurants, diners=diners, days=days, advance=bar.at
        )
    dataset = under_pseudonyms(dataset, Pseudonyms.of(deps.settings))
    save(dataset, out, force=force)
    screen.show_meta(deps.out, dataset.meta, str(out))
    deps.out.print(f"next: maitred train --data {out} --objective clicks --out RUN", markup=False)


@data.command()
def validate(dataset: DatasetFolder, *, as_json: AsJson = False) -> None:
    """Check a data set; exit code 1 when an error would refuse training."""
    deps = dependencies()
    report = check_dataset(load(dataset), latest=deps.clock.now())
    if as_json:
        typer.echo(json.dumps(report.to_json()))
    else:
        screen.show_checks(deps.out, report)
    report.require()
    if not as_json:
        step = f"maitred train --data {dataset} --objective clicks --out RUN"
        deps.out.print(f"next: {step}", markup=False)


@data.command()
def split(
    dataset: DatasetFolder,
    *,
    protocol: Annotated[str, typer.Option(help="last or time.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for train/ and test/.")],
    cut: Cut = None,
    share: Annotated[float, typer.Option(help="`time`: newest share held out.")] = 0.2,
    force: Force = False,
) -> None:
    """Write what may be learned from to DIR/train and the held-out choices to DIR/test."""
    deps = dependencies()
    if protocol == "none":
        msg = "protocol 'none' holds nothing out: there is nothing to split"
        raise UsageError(msg, next_step="use --protocol last or time")
    for part in ("train", "test"):
        refuse_foreign_folder(out / part, force=force)
    parts = split_dataset(load(dataset), protocol, cut=_in_utc(cut), share=share)
    save(parts.train, out / "train", force=force)
    save(parts.test, out / "test", force=force)
    screen.show_split(deps.out, parts)
    step = f"maitred train --data {out / 'train'} --objective clicks --protocol none --out RUN"
    deps.out.print(f"next: {step}", markup=False)


@data.command()
def events(
    dataset: DatasetFolder,
    *,
    out: Annotated[Path, typer.Option("--out", help="JSON lines to write, one event a line.")],
    cut: Cut = None,
    share: Annotated[
        float, typer.Option(help="Newest share written: what `split --protocol time` holds back.")
    ] = 0.2,
) -> None:
    """Write the newest events in the wire format, for `maitred simulate replay`."""
    deps = dependencies()
    whole = load(dataset)
    if whole.meta.pseudonym_key_fingerprint is not None:
        msg = f"the diners of {dataset} are pseudonyms: ingest would make pseudonyms of those"
        raise KeyMismatch(msg, next_step="replay a data set that was made without a key")
    out.parent.mkdir(parents=True, exist_ok=True)
    kept = newest(whole, cut=_in_utc(cut), share=share)
    partial = out.with_name(out.name + ".partial")
    count = 0
    with partial.open("wb") as lines:
        for event in wire_events(kept):
            lines.write(encode(event) + b"\n")
            count += 1
    partial.replace(out)
    deps.out.print(f"{count:,} of {len(kept):,} events written to {out}", markup=False)
    deps.out.print(f"next: maitred simulate replay --events {out}", markup=False)


@data.command()
def extend(
    dataset: DatasetFolder,
    *,
    folder: Annotated[Path, typer.Option("--archive", help="Archive of events to add from.")],
    traffic: Annotated[
        str, typer.Option(help="Kinds of traffic to add, comma-separated.")
    ] = "live",
    live: Annotated[
        bool, typer.Option("--live", help="Take restaurants as the running service knows them.")
    ] = False,
    out: Out,
    force: Force = False,
) -> None:
    """Add the archive's events to a data set; without new ones, the fingerprint stays the same.

    Rows of diners whom the archive knows as erased leave it.
    """
    deps = dependencies()
    refuse_foreign_folder(out, force=force)
    base = load(dataset)
    key = Pseudonyms.of(deps.settings)
    key.require(base.meta.pseudonym_key_fingerprint, f"the data set {dataset}")
    base = without_erased(base, folder, partial(erasure_key, deps.settings))
    kinds = [kind.strip() for kind in traffic.split(",")]
    rate = deps.settings.commission_rate
    extended = archive.extend(base, folder, kinds, commission_rate=rate)
    if live:
        with connect(redis_url(deps.settings)) as redis:
            extended = with_restaurants(extended, live_restaurants(redis))
    extended = saying(extended, base.meta.erased)
    save(extended, out, force=force)
    screen.show_meta(deps.out, extended.meta, str(out))
    added = len(extended.events) - len(base.events)
    deps.out.print(f"{added:,} events of {', '.join(kinds)} traffic added", markup=False)
    if extended.meta.erased:
        deps.out.print(f"{extended.meta.erased:,} rows of erased diners left out", markup=False)


def _in_utc(cut: datetime | None) -> datetime | None:
    return cut if cut is None or cut.tzinfo else cut.replace(tzinfo=UTC)
