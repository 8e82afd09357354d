"""`turnout reindex`: a named index into another embedding space."""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnout.cli.failures import INTERRUPTED, SERVICE_FAILED, UserError, warn
from turnout.cli.frameworks import Documents
from turnout.cli.routes import Config
from turnout.cli.steps import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnout.index.migration.named import NamedIndex
    from turnout.index.migration.report import Estimate, ReindexProgress
    from turnout.index.stream import StreamFactory
    from turnout.settings import IndexSettings


def reindex(
    index: Annotated[str, typer.Argument(help="The index, as [index.…] in the settings names it.")],
    to: Annotated[
        str | None, typer.Option(metavar="BACKEND", help="Whose space to fill.", show_default="the active backend")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WHAT",
            help="A backend or space to read the collection of, 'source' for the documents, or 'itself' to take the "
            "collection as it is.",
            show_default="the collection in use",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do and cost.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before it begins.")] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where it remembers what is done.", show_default="beside the index"),
    ] = None,
    sample: Annotated[
        int, typer.Option(metavar="N", min=0, max=1000, help="How many chunks to embed again for the check.")
    ] = 16,
    retry_skipped: Annotated[
        bool, typer.Option("--retry-skipped", help="Try again what couldn't be embedded the last time.")
    ] = False,
    accept_skipped: Annotated[
        bool, typer.Option("--accept-skipped", help="Take what can't be embedded as done: exit with 0.")
    ] = False,
    ray: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Embed on N workers of a Ray cluster: RAY_ADDRESS's, or one begun here."),
    ] = None,
    drop: Annotated[
        str | None, typer.Option(metavar="SPACE", help="Instead: remove the collection of a space, for good.")
    ] = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Embed an index with another model: into a collection of its own, beside the old one.

    Only what is new or changed is embedded. A run that was stopped goes on where it was.
    """
    from turnout.index.migration.named import NamedIndex

    named = NamedIndex(index, config)
    import_module(f"turnout.{named.settings.opened_with}")  # registers what opens its collections
    if drop is not None:
        _drop(named, drop, yes=yes, as_json=as_json)
        return
    read: list[Documents] = []

    def documents(settings: IndexSettings) -> Documents:
        read.append(Documents(settings))
        return read[0]

    with _embedding_on(ray, named) as stream, _stopping() as stop, Progress("embedding", "chunks") as bar:

        def on_progress(progress: ReindexProgress) -> None:
            if bar.total is None:  # the clock starts with the first chunk
                bar.start(progress.total)
            bar.total = progress.total
            bar.advance(progress.done - bar.done)

        report = named.reindex(
            to,
            stream=stream,
            origin=origin,
            documents=documents,
            checkpoint=checkpoint,
            dry_run=dry_run,
            sample=sample,
            retry_skipped=retry_skipped,
            confirm=None if yes or dry_run or not sys.stdin.isatty() else _confirmed,
            on_progress=on_progress,
            stop=stop,
        )
    for name, why in read[0].reading.skipped if read else []:
        warn(f"{name}: {why}; not read")
    print(json.dumps(report.to_dict(), ensure_ascii=False, indent=2) if as_json else report)
    if report.state == "stopped":
        raise typer.Exit(INTERRUPTED)
    done = report.complete or report.state == "estimated" or (accept_skipped and report.complete_but_for_skipped)
    raise typer.Exit(0 if done else SERVICE_FAILED)


@contextmanager
def _embedding_on(workers: int | None, named: NamedIndex) -> Iterator[StreamFactory]:
    """Where the texts are embedded: in this process, or on the workers of a Ray cluster."""
    from turnout.index.stream import EmbeddingStream

    if workers is None:
        yield EmbeddingStream
        return
    from turnout.ray import RayWorkers, cluster

    with cluster():
        yield RayWorkers.of(named, workers)


def _drop(named: NamedIndex, space_name: str, *, yes: bool, as_json: bool) -> None:
    space = named.space(space_name)
    if not yes and not sys.stdin.isatty():
        raise UserError(f"--drop removes the collection of {space} for good; say --yes")
    question = f"Remove the collection of {space} from the index {named.name!r}, for good?"
    if yes or typer.confirm(question, err=True):
        named.drop(space_name)
        print(json.dumps({"dropped": str(space)}) if as_json else f"removed the collection of {space}")


def _confirmed(estimate: Estimate) -> bool:
    print(estimate, file=sys.stderr)
    return not estimate.to_embed or typer.confirm("Begin?", default=True, err=True)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Ctrl-C or SIGTERM ends the run in good order; a second one ends it at once."""
    stop = threading.Event()

    def request_stop(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        print("stopping: what is in flight is kept; once more to stop at once", file=sys.stderr)

    before = {one: signal.signal(one, request_stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
