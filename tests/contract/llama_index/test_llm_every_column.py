"""The contract's tests that hold on any wire, on the wires and models that the other files don't have."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from tests.contract.columns import WITHOUT_TOOLS_IN_STREAMS
from tests.contract.llama_index import test_llm_chat as chat
from tests.contract.llama_index import test_llm_events as events
from tests.contract.llama_index import test_llm_structured as structured
from tests.contract.llama_index import test_llm_tools as tools
from tests.contract.llama_index.test_llm_columns import NEW

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


# LlamaIndex's structured LLM calls it itself.
pytestmark = pytest.mark.filterwarnings("ignore:The `json` method is deprecated")

OF_ONE_WIRE = {
    "test_conversation",
    "test_a_history_with_tools_goes_on_without_them",
    "test_max_tokens",
    "test_max_tokens_of_the_call_wins",
    "test_no_limit_is_sent_unasked",
    "test_none",
}
"""They look at a request as one wire has it; so do those that ask which backend they run on."""

IN_PIECES = {"test_arguments_grow_in_a_stream", "test_stream_structured_predict", "test_astream_structured_predict"}
"""They see a tool's arguments grow, which come whole where a stream has no tools: `tests.programs`."""


def of_any_wire(module: ModuleType) -> dict[str, object]:
    """A module's tests that hold on any wire."""
    found = {name: value for name, value in vars(module).items() if name.startswith("test_") and callable(value)}
    return {
        name: test
        for name, test in found.items()
        if name not in OF_ONE_WIRE and "backend" not in inspect.signature(test).parameters
    }


for part in (chat, tools, structured, events):
    globals().update(of_any_wire(part))
counted, slowly, listener = chat.counted, structured.slowly, events.listener


@pytest.fixture(autouse=True, params=NEW)
def backend(request: pytest.FixtureRequest, columns_file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "bedrock_llama" and request.function.__module__ == structured.__name__:
        pytest.skip("Llama on Converse can't be made to call a tool, nor held to a schema")
    if request.param in WITHOUT_TOOLS_IN_STREAMS and request.function.__name__ in IN_PIECES:
        pytest.skip("the model takes no tools in a stream")
    monkeypatch.setenv("TURNOUT_BACKEND", request.param)
    return str(request.param)
