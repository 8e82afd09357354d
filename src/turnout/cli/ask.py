"""`turnout ask`: a question to a folder of documents, its answer, and with `--explain` and `--json` what it took."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout.cli.frameworks import Framework
from turnout.cli.pipeline import Question, Run, run
from turnout.cli.routes import Config
from turnout.redaction import redact

if TYPE_CHECKING:
    from turnout.routing import Route
    from turnout.settings import Settings


def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    docs: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Markdown, text and PDF files, also in folders below.")
    ] = None,
    index: Annotated[
        str | None, typer.Option(metavar="NAME", help="Keep what is embedded in this index of the settings.")
    ] = None,
    framework: Annotated[Framework | None, typer.Option(help="Left out: the one that is installed.")] = None,
    backend: Annotated[str | None, typer.Option(metavar="NAME", help="Instead of the settings' backend.")] = None,
    model: Annotated[str, typer.Option(metavar="ROUTE", help="The chat route.")] = "default",
    top_k: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="How many chunks to retrieve at most.")] = 4,
    config: Config = None,
    stream: Annotated[bool, typer.Option("--stream", help="Show the answer as it comes.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add route, deployment, credential, space, chunks and times.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Answer a question from a folder of documents, or from an index of them, and name the sources."""
    asked = Question(question, docs, index, framework, backend, model, top_k, stream, config)
    if as_json:
        print(json.dumps(_summary(run(asked, lambda _: None)), ensure_ascii=False, indent=2))
        return
    text = _Text()
    try:
        made = run(asked, text)
    finally:
        if text.is_written:
            print()
    print("\nSources" if made.cited else "\nRead for it (the answer names no source)")
    for source in made.sources:
        print(f"  {source}")
    if explain:
        print()
        print("\n".join(_explanation(made)))


class _Text:
    """Writes an answer as it comes, and knows whether any of it came."""

    is_written = False

    def __call__(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
        self.is_written = True


def _summary(run: Run) -> dict[str, Any]:
    """All that is known of a run; it holds no secret."""
    from turnout.facts.spaces import space_of
    from turnout.routing import resolve

    index = run.settings.index.get(run.question.index or "")
    space_route = resolve(index.embedding if index else "default", kind="embedding", settings=run.settings)
    chat = _route(resolve(run.question.model, settings=run.settings), run.settings)
    return {
        "framework": run.framework.value,
        "backend": chat["backend"],
        "deployment": chat["deployment"],
        "credential": chat["credential"],
        "embedding_space": str(space_of(space_route)),
        "index": run.question.index,
        "answer": run.answer,
        "sources": run.sources,
        "cited": run.cited,
        "seconds": round(sum(run.steps.values()), 4),
        "chat": chat,
        "embedding": _route(space_route, run.settings),
        "read": {
            "files": run.reading.files,
            "chunks": run.chunks,
            "embedded": run.embedded,
            "dropped": run.dropped,
            "skipped": [{"file": name, "why": why} for name, why in run.reading.skipped],
            "other_types": run.reading.others,
            "hidden": run.reading.hidden,
        },
        "retrieved": [
            {"source": hit.source, "score": round(hit.score, 4), "used": hit in run.used, "text": hit.text}
            for hit in run.hits
        ],
        "steps": {name: round(seconds, 4) for name, seconds in run.steps.items()},
        "first_token": None if run.first_token is None else round(run.first_token, 4),
    }


def _route(route: Route, settings: Settings) -> dict[str, Any]:
    from turnout.providers.clients import credential_for, endpoint

    backend = settings.backends[route.backend]
    return {
        "route": f"{route.kind}/{route.name}",
        "key": route.key,
        "backend": route.backend,
        "wire": route.wire,
        "deployment": redact(route.deployment),
        "model": redact(route.model),
        "resource": endpoint(backend, route),
        "credential": str(credential_for(route, backend)),
    }


def _explanation(run: Run) -> list[str]:
    """What `--explain` adds to an answer."""
    facts = _summary(run)
    read, first = facts["read"], facts["first_token"]
    dropped = f", {read['dropped']} dropped" if read["dropped"] else ""
    kept = f"{read['embedded']} chunks embedded{dropped}, the others were there"
    first_token = "" if first is None else f"; first token of the answer after {_time(first)}"
    counts = {"skipped": len(read["skipped"]), "of other types": read["other_types"], "hidden": read["hidden"]}
    left_out = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    rows = [
        ("settings", run.settings.source),
        ("framework", facts["framework"]),
        *_route_rows(facts["chat"]),
        *_route_rows(facts["embedding"]),
        ("space", facts["embedding_space"]),
        *([("index", f"{facts['index']}: {kept}")] if facts["index"] else []),
        ("read", f"{read['files']} files, {read['chunks']} chunks" + (f" (left out: {left_out})" if left_out else "")),
        ("time", ", ".join(f"{name} {_time(seconds)}" for name, seconds in facts["steps"].items())),
        ("", f"{_time(facts['seconds'])} in all" + first_token),
    ]
    lines = ["Explanation", *(f"  {label:<11}{text}" for label, text in rows), "Retrieved"]
    for hit in facts["retrieved"]:
        start = " ".join(hit["text"].split())[:60]
        unused = "" if hit["used"] else " (not used: too far below the best)"
        lines.append(f"  {hit['score']:.3f}  {hit['source']}{unused}: {start}…")
    return lines


def _route_rows(route: dict[str, Any]) -> list[tuple[str, str]]:
    model = f" ({route['model']})" if route["model"] not in {"", route["deployment"]} else ""
    by_key = f", by {route['key']}" if route["key"] else ""
    return [
        (route["route"].partition("/")[0], f"{route['route']} on backend {route['backend']}{by_key}"),
        ("", f"deployment {route['deployment']}{model}, wire {route['wire']}"),
        ("", f"resource {route['resource']}"),
        ("", f"credential {route['credential']}"),
    ]


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
