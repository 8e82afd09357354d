"""What the contract is held with: tools, schemas, documents, and an ear for events."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from llama_index.core import Document
from llama_index.core.callbacks import CBEventType
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from llama_index_instrumentation.base import BaseEvent

    from turnout_emulator import Received

FRANCE = "Paris is the capital of France. Lyon is known for its silk. What is the capital of France?"


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def weather(city: str) -> str:
    """Get the weather in a city."""
    return f"It is sunny in {city}."


def list_stations() -> str:
    """List all stations."""
    return "Basel, Bern, Zug"


MULTIPLY = FunctionTool.from_defaults(multiply)
WEATHER = FunctionTool.from_defaults(weather)
STATIONS = FunctionTool.from_defaults(list_stations)
TOOLS = [MULTIPLY, WEATHER, STATIONS]


class Person(BaseModel):
    """A person."""

    name: str = Field(description="The person's name")
    age: int = Field(description="The person's age in years")


class Priority(StrEnum):
    LOW = "low"
    HIGH = "high"


class Item(BaseModel):
    name: str
    quantity: int


class Order(BaseModel):
    """An order from a shop."""

    customer: str
    priority: Priority
    items: list[Item]
    note: str | None = None


class Labels(BaseModel):
    """Free labels, under any names."""

    labels: dict[str, str]


DOCUMENTS = [
    Document(text="The signal box at Interlaken was built in 1892 and is staffed at night.", doc_id="interlaken"),
    Document(text="A turnout lets a train pass from one track to another. It has two movable rails.", doc_id="turnout"),
    Document(text="Season tickets are refunded within fourteen days of purchase.", doc_id="tickets"),
]


class Ear(BaseCallbackHandler):
    """Hears callback events of one kind."""

    def __init__(self, kind: CBEventType) -> None:
        super().__init__([], [])
        self.kind = kind
        self.started: list[dict[str, Any]] = []
        self.ended: list[dict[str, Any]] = []

    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        if event_type == self.kind:
            self.started.append(payload or {})
        return event_id

    def on_event_end(
        self, event_type: CBEventType, payload: dict[str, Any] | None = None, event_id: str = "", **kwargs: Any
    ) -> None:
        if event_type == self.kind:
            self.ended.append(payload or {})

    def start_trace(self, trace_id: str | None = None) -> None: ...

    def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None: ...


class Listener(BaseEventHandler):
    """Hears instrumentation events, by class name."""

    heard: list[str] = Field(default_factory=list)

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        self.heard.append(event.class_name())


def service_of(backend: str) -> str:
    """The emulator's service that a backend of the tests is."""
    return "azure" if backend.startswith("azure") else backend


def output_limit(received: Received) -> int | None:
    """The limit of the answer that a request asks for."""
    body = received.body
    limit: int | None
    if received.service == "bedrock":
        limit = body.get("inferenceConfig", {}).get("maxTokens")
    else:
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return limit
