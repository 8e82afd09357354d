"""Where a question went and what it took: `--explain` and `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.redaction import redact

if TYPE_CHECKING:
    from turnout.cli.pipeline import Run
    from turnout.routing import Route
    from turnout.settings import Settings


def summary(run: Run) -> dict[str, Any]:
    """All that is known of a run, for `--json`; it holds no secret."""
    from turnout.facts.spaces import space_of
    from turnout.routing import resolve

    chat = resolve(run.question.model, settings=run.settings)
    index = run.settings.index.get(run.question.index or "")
    embedding = resolve(index.embedding if index else "default", kind="embedding", settings=run.settings)
    return {
        "framework": run.framework.value,
        "backend": chat.backend,
        "deployment": redact(chat.deployment),
        "credential": _credential(chat, run.settings),
        "embedding_space": str(space_of(embedding)),
        "index": run.question.index,
        "answer": run.answer,
        "sources": run.sources,
        "cited": run.cited,
        "seconds": round(run.steps.total, 4),
        "chat": _route(chat, run.settings),
        "embedding": _route(embedding, run.settings),
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
        "steps": {name: round(seconds, 4) for name, seconds in run.steps.seconds.items()},
        "first_token": None if run.first_token is None else round(run.first_token, 4),
    }


def lines(run: Run) -> list[str]:
    """What `--explain` adds to an answer."""
    facts = summary(run)
    read = facts["read"]
    dropped = f", {read['dropped']} dropped" if read["dropped"] else ""
    kept = f"{read['embedded']} chunks embedded{dropped}, the others were there"
    first = facts["first_token"]
    first_token = "" if first is None else f"; first token of the answer after {_time(first)}"
    rows = [
        ("settings", run.settings.source),
        ("framework", facts["framework"]),
        *_route_rows(facts["chat"], facts["credential"]),
        *_route_rows(facts["embedding"], facts["embedding"]["credential"]),
        ("space", facts["embedding_space"]),
        *([("index", f"{facts['index']}: {kept}")] if facts["index"] else []),
        ("read", f"{read['files']} files, {read['chunks']} chunks" + _left_out(read)),
        ("time", ", ".join(f"{name} {_time(seconds)}" for name, seconds in facts["steps"].items())),
        ("", f"{_time(facts['seconds'])} in all" + first_token),
    ]
    shown = ["Explanation", *(f"  {label:<11}{text}" for label, text in rows), "Retrieved"]
    for hit in facts["retrieved"]:
        start = " ".join(hit["text"].split())[:60]
        unused = "" if hit["used"] else " (not used: too far below the best)"
        shown.append(f"  {hit['score']:.3f}  {hit['source']}{unused}: {start}…")
    return shown


def _route(route: Route, settings: Settings) -> dict[str, Any]:
    from turnout.providers.clients import endpoint

    return {
        "route": f"{route.kind}/{route.name}",
        "key": route.key,
        "backend": route.backend,
        "wire": route.wire,
        "deployment": redact(route.deployment),
        "model": redact(route.model),
        "resource": endpoint(settings.backends[route.backend]),
        "credential": _credential(route, settings),
    }


def _credential(route: Route, settings: Settings) -> str:
    from turnout.providers.clients import credential_for

    return str(credential_for(route, settings.backends[route.backend]))


def _route_rows(route: dict[str, Any], credential: str) -> list[tuple[str, str]]:
    kind = route["route"].partition("/")[0]
    model = f" ({route['model']})" if route["model"] not in {"", route["deployment"]} else ""
    named = f", by {route['key']}" if route["key"] else ""
    return [
        (kind, f"{route['route']} on backend {route['backend']}{named}"),
        ("", f"deployment {route['deployment']}{model}, wire {route['wire']}"),
        ("", f"resource {route['resource']}"),
        ("", f"credential {credential}"),
    ]


def _left_out(read: dict[str, Any]) -> str:
    counts = [
        (len(read["skipped"]), "skipped"),
        (read["other_types"], "of other types"),
        (read["hidden"], "hidden"),
    ]
    parts = [f"{count} {what}" for count, what in counts if count]
    return f" (left out: {', '.join(parts)})" if parts else ""


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
