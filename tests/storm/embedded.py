"""The right answers of calls that embed: the vectors of their texts, asked for before the storm."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from turnout.errors import TurnoutError
from turnout.langchain import TurnoutEmbeddings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storm.calls import Call


def expect(calls: list[Call], settings: dict[str, Path]) -> None:
    """Tell each call its vectors; asking with fallbacks has the places' vectors compared, too."""
    by_wire: defaultdict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in calls:
        if call.what == "embedding":
            backend, route = call.target
            by_wire[backend.removesuffix(call.group), route].append(call)
    for (backend, route), asked in by_wire.items():
        model = TurnoutEmbeddings(backend=backend, model=route, settings=str(settings["alone"]))
        documents = [question for call in asked if "texts" in call.way for question in call.questions]
        vectors = dict(zip(documents, model.embed_documents(documents), strict=True))
        queries = [call.questions[0] for call in asked if "texts" not in call.way]
        as_queries = dict(zip(queries, map(model.embed_query, queries), strict=True))
        for call in asked:
            if "texts" in call.way:
                call.expected = [vectors[question] for question in call.questions]
            else:
                call.expected = as_queries[call.questions[0]]
    for name in ("fallbacks", "circuit"):
        for backend in {call.target[0] for call in calls if call.what == "embedding" and call.falls_back}:
            _compare(backend, settings[name])


def _compare(backend: str, settings: Path) -> None:
    """Have the vectors of a backend's fallback compared with its own, though its port comes and goes."""
    for _ in range(20):
        with suppress(TurnoutError):
            TurnoutEmbeddings(backend=backend, settings=str(settings), max_retries=9).embed_query("hello")
