"""`turnout ask`: a question to a folder of documents."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from turnout.cli.frameworks import Framework
from turnout.cli.pipeline import Question, Run, run


def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.", show_default=False)],
    docs: Annotated[
        Path | None,
        typer.Option(
            "--docs",
            metavar="FOLDER",
            help="Markdown, text and PDF files, also in folders below.",
            show_default=False,
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option("--index", metavar="NAME", help="Keep what is embedded in this index of the settings."),
    ] = None,
    framework: Annotated[
        Framework | None, typer.Option("--framework", help="Left out: the one that is installed.", show_default=False)
    ] = None,
    backend: Annotated[
        str | None, typer.Option("--backend", metavar="NAME", help="Instead of the settings' backend.")
    ] = None,
    model: Annotated[str, typer.Option("--model", metavar="ROUTE", help="The chat route.")] = "default",
    top_k: Annotated[
        int, typer.Option("--top-k", metavar="N", min=1, max=100, help="How many chunks to retrieve at most.")
    ] = 4,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The settings file, instead of the one found.")
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Show the answer as it comes.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add route, deployment, credential, space, chunks and times.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Answer a question from a folder of documents, or from an index of them, and name the sources."""
    asked = Question(
        text=question,
        docs=docs,
        index=index,
        framework=framework,
        backend=backend,
        model=model,
        top_k=top_k,
        stream=stream,
        config=config,
    )
    if as_json:
        from turnout.cli.explain import summary

        print(json.dumps(summary(run(asked, lambda _: None)), ensure_ascii=False, indent=2))
        return
    shown = _Shown()
    try:
        made = run(asked, shown)
    finally:
        if shown.anything:
            print()
    _print_after(made, explain=explain)


class _Shown:
    """Writes an answer as it comes, and knows whether any of it came."""

    anything = False

    def __call__(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
        self.anything = True


def _print_after(made: Run, *, explain: bool) -> None:
    print("\nSources" if made.cited else "\nRead for it (the answer names no source)")
    for source in made.sources:
        print(f"  {source}")
    if explain:
        from turnout.cli.explain import lines

        print()
        print("\n".join(lines(made)))
