from __future__ import annotations

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout_emulator.answers import Text, ToolCall
from turnout_emulator.brain.reading import NOT_FOUND, question_in
from turnout_emulator.brain.think import NO_CONTEXT, think
from turnout_emulator.brain.words import count_tokens, sentences, stems, truncate_tokens
from turnout_emulator.prompt import Prompt, Tool, ToolResult, Turn
from turnout_emulator.vectors import embed

STRING: Any = {"type": "string"}
INTEGER: Any = {"type": "integer"}


def tool(name: str, description: str, required: list[str] | None = None, **properties: Any) -> Tool:
    wanted = list(properties) if required is None else required
    return Tool(name, description, {"type": "object", "properties": properties, "required": wanted})


WEATHER = tool("get_weather", "Get the weather at a location.", location=STRING)
ADD = tool("add", "Add two numbers.", a=INTEGER, b=INTEGER)
MULTIPLY = tool("multiply", "Multiply two numbers.", a=INTEGER, b=INTEGER)
CAPITAL = tool("get_capital", "Get the capital of a country.", country=STRING)
TEMPERATURE = tool("get_temperature", "Get the temperature in a city.", city=STRING)
SEARCH = tool("search_documents", "Search the company's documents.", query=STRING)
FLIGHT = tool("book_flight", "Book a flight.", origin=STRING, destination=STRING, date=STRING, passengers=INTEGER)


def say(text: str, *tools: Tool, turns: list[Turn] | None = None, system: str = "", **options: Any) -> str:
    before = [Turn("system", system)] if system else []
    answer = think(Prompt([*before, Turn("user", text), *(turns or [])], list(tools), **options))
    return "".join(block.text for block in answer.content() if isinstance(block, Text))


def calls(text: str, *tools: Tool, turns: list[Turn] | None = None, **options: Any) -> list[tuple[str, Any]]:
    answer = think(Prompt([Turn("user", text), *(turns or [])], list(tools), **options))
    return [(block.name, block.arguments) for block in answer.content() if isinstance(block, ToolCall)]


def round_(name: str, arguments: Any, result: str, *, error: bool = False) -> list[Turn]:
    return [
        Turn("assistant", calls=[ToolCall(name, arguments, "1")]),
        Turn("tool", results=[ToolResult("1", result, error=error)]),
    ]


CONTEXT = """\
[1] Backups are kept for 35 days. They are taken every night at two o'clock.

[2] Keys are rotated every 90 days by the platform team. A rotated key works for one more hour.

[3] The cafeteria opens at eight. It serves soup on Mondays."""


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How long are backups kept?", "Backups are kept for 35 days. [1]"),
        ("Which team rotates the keys?", "Keys are rotated every 90 days by the platform team. [2]"),
        ("When does the cafeteria open?", "The cafeteria opens at eight. [3]"),
        ("What is the airspeed of a swallow?", NOT_FOUND),
    ],
)
def test_answers_from_the_context_with_its_mark(question: str, answer: str) -> None:
    assert say(question, system=f"Answer from the context only.\n\nContext:\n{CONTEXT}") == answer


def test_prompt_of_an_index_with_file_names() -> None:
    prompt = (
        "Context information is below.\n---------------------\nfile_path: docs/backup.md\n\nBackups are kept for 35 days."
        "\n\nfile_path: docs/keys.md\n\nKeys are rotated every 90 days.\n---------------------\nGiven the context "
        "information and not prior knowledge, answer the query.\nQuery: How often are keys rotated?\nAnswer: "
    )
    assert say(prompt) == "Keys are rotated every 90 days. (docs/keys.md)"
    assert question_in(prompt) == "How often are keys rotated?"


def test_memory_of_the_conversation() -> None:
    earlier = [Turn("user", "My dog is called Rex."), Turn("assistant", "Noted.")]
    answer = think(Prompt([*earlier, Turn("user", "What is my dog called?")]))
    assert answer.content() == [Text("My dog is called Rex.")]


def test_without_context_it_says_so() -> None:
    assert say("Hello") == NO_CONTEXT


def test_a_summary_takes_the_central_sentences() -> None:
    text = (
        "Trains carry freight across the valley. The valley trains carry coal and freight. Someone painted a door. "
        "Freight trains cross the valley at night."
    )
    assert "painted" not in say(f"Summarize the following text.\n\n{text}")
    assert "freight" in say(f"Summarize the following text.\n\n{text}")


@pytest.mark.parametrize(
    ("question", "tools", "expected"),
    [
        ("What is the weather in San Francisco, CA?", [WEATHER], [("get_weather", {"location": "San Francisco, CA"})]),
        (
            "What's the weather in Paris, Tokyo and New York?",
            [WEATHER, ADD],
            [("get_weather", {"location": city}) for city in ("Paris", "Tokyo", "New York")],
        ),
        (
            "What is 3 * 12? Also, what is 11 + 49?",
            [ADD, MULTIPLY],
            [("multiply", {"a": 3, "b": 12}), ("add", {"a": 11, "b": 49})],
        ),
        (
            "Book a flight from Berlin to Madrid on 2026-05-01 for 2 passengers",
            [WEATHER, FLIGHT],
            [
                (
                    "book_flight",
                    {"origin": "Berlin", "destination": "Madrid", "date": "2026-05-01", "passengers": 2},
                )
            ],
        ),
        (
            "What does our refund policy say?",
            [WEATHER, SEARCH],
            [("search_documents", {"query": "What does our refund policy say?"})],
        ),
        ("Hello!", [WEATHER, ADD], []),
        ("Thank you, that was helpful.", [WEATHER, ADD, SEARCH], []),
    ],
)
def test_tools_are_called_when_the_question_calls_for_them(question: str, tools: list[Tool], expected: Any) -> None:
    assert calls(question, *tools) == expected


def test_one_call_at_a_time() -> None:
    assert calls("Weather in Paris and Rome?", WEATHER, parallel=False) == [("get_weather", {"location": "Paris"})]
    later = calls(
        "Weather in Paris and Rome?",
        WEATHER,
        parallel=False,
        turns=round_("get_weather", {"location": "Paris"}, "Rain."),
    )
    assert later == [("get_weather", {"location": "Rome"})]


def test_tool_choice() -> None:
    assert calls("Hello!", WEATHER, ADD, tool_choice="add") == [("add", {"a": 0, "b": 0})]
    assert len(calls("Hello!", WEATHER, ADD, tool_choice="required")) == 1
    assert calls("What is the weather in Paris?", WEATHER, tool_choice="none") == []


def test_what_the_system_message_tells_it_to_do() -> None:
    def told(system: str) -> list[str]:
        answer = think(Prompt([Turn("system", system), Turn("user", "Hello!")], [WEATHER, ADD]))
        return [block.name for block in answer.content() if isinstance(block, ToolCall)]

    assert told("Be brief.") == []
    assert len(told("Answer by calling one of the tools.")) == 1
    assert told("Answer by calling the tool 'add', with arguments taken from the conversation.") == ["add"]
    said = say("Ada is 36. Give me 'name' and 'age' as keys.", system="Answer with one JSON object and nothing else.")
    assert json.loads(said).keys() == {"name", "age"}


def test_rounds_of_tools_that_need_each_other() -> None:
    question = "What is the temperature of the capital of France?"
    first = round_("get_capital", {"country": "France"}, "Paris")
    second = round_("get_temperature", {"city": "Paris"}, "30 C")
    assert calls(question, CAPITAL, TEMPERATURE) == [("get_capital", {"country": "France"})]
    assert calls(question, CAPITAL, TEMPERATURE, turns=first) == [("get_temperature", {"city": "Paris"})]
    assert "30 C" in say(question, CAPITAL, TEMPERATURE, turns=[*first, *second])
    sums = "Add 3 and 4, then multiply the result by 10"
    assert calls(sums, ADD, MULTIPLY) == [("add", {"a": 3, "b": 4})]
    after = calls(sums, ADD, MULTIPLY, turns=round_("add", {"a": 3, "b": 4}, "7"))
    assert [(name, set(arguments.values())) for name, arguments in after] == [("multiply", {7, 10})]


def test_results_and_errors_are_reported() -> None:
    asked = "What is the weather in Paris?"
    done = round_("get_weather", {"location": "Paris"}, '{"sky": "clear", "celsius": 22}')
    assert say(asked, WEATHER, turns=done) == "sky: clear, celsius: 22"
    failed = round_("get_weather", {"location": "Paris"}, "No station there.", error=True)
    assert say(asked, WEATHER, turns=failed) == "The tool reported an error: No station there."


PERSON: Any = {
    "type": "object",
    "properties": {
        "name": STRING,
        "age": INTEGER,
        "email": {"type": "string", "format": "email"},
        "tags": {"type": "array", "items": STRING},
        "address": {"anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}]},
    },
    "required": ["name", "age", "email", "tags", "address"],
    "additionalProperties": False,
    "$defs": {
        "Address": {
            "type": "object",
            "properties": {"city": STRING, "zip": {"type": "string", "pattern": "^\\d{5}$"}},
            "required": ["city", "zip"],
        }
    },
}
ORDER: Any = {
    "type": "object",
    "properties": {
        "order_number": STRING,
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["USD", "EUR"]},
        "due_date": {"type": "string", "format": "date"},
        "paid": {"type": "boolean"},
        "items": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"description": STRING, "quantity": {"type": "integer", "minimum": 1}},
                "required": ["description", "quantity"],
            },
        },
    },
    "required": ["order_number", "total", "currency", "due_date", "paid", "items"],
}


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        (
            (
                "Ada Lovelace is 36 years old, lives in London, and can be reached at ada@example.org. "
                "Tags: math, engines and poetry."
            ),
            PERSON,
            {
                "name": "Ada Lovelace",
                "age": 36,
                "email": "ada@example.org",
                "tags": ["math", "engines", "poetry"],
                "address": None,
            },
        ),
        (
            (
                "Order number: A-2041. Total: 149.50 EUR, due date 2026-03-01. It is not paid. "
                "Items: Widget, quantity 3; Gadget, quantity 1."
            ),
            ORDER,
            {
                "order_number": "A-2041",
                "total": 149.5,
                "currency": "EUR",
                "due_date": "2026-03-01",
                "paid": False,
                "items": [{"description": "Widget", "quantity": 3}, {"description": "Gadget", "quantity": 1}],
            },
        ),
    ],
)
def test_schemas_are_filled_from_the_text(text: str, schema: Any, expected: Any) -> None:
    assert json.loads(say(text, schema=schema)) == expected


SCALARS = st.one_of(
    st.just({"type": "string"}),
    st.builds(lambda low: {"type": "string", "minLength": low, "maxLength": low + 5}, st.integers(0, 30)),
    st.sampled_from([{"type": "string", "format": f} for f in ("email", "date", "date-time", "uuid", "uri")]),
    st.builds(lambda low: {"type": "integer", "minimum": low, "maximum": low + 3}, st.integers(-9, 9)),
    st.builds(lambda low: {"type": "number", "exclusiveMinimum": low}, st.integers(-9, 9)),
    st.builds(lambda step: {"type": "integer", "multipleOf": step}, st.integers(2, 9)),
    st.just({"type": "boolean"}),
    st.just({"type": ["string", "null"]}),
    st.builds(lambda values: {"enum": values}, st.lists(st.sampled_from(["a", "b", 1, None]), min_size=1)),
    st.builds(lambda value: {"const": value}, st.sampled_from(["x", 3, True])),
)


def nested(inner: Any) -> Any:
    names = st.sampled_from(["name", "city", "count", "first_seen", "kind", "x"])
    return st.one_of(
        st.builds(
            lambda properties, needed: {
                "type": "object",
                "properties": properties,
                "required": list(properties)[:needed],
                "additionalProperties": False,
            },
            st.dictionaries(names, inner, max_size=4),
            st.integers(0, 4),
        ),
        st.builds(
            lambda items, low: {"type": "array", "items": items, "minItems": low, "maxItems": low + 2},
            inner,
            st.integers(0, 3),
        ),
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.recursive(SCALARS, nested, max_leaves=6), st.text(max_size=60))
def test_whatever_is_filled_is_valid(schema: Any, noise: str) -> None:
    text = f"Ada Lovelace counted 3 birds in London. {noise}"
    value = json.loads(say(text, schema=schema))
    jsonschema.Draft202012Validator(schema).validate(value)


def test_recursive_schemas_end() -> None:
    node: Any = {
        "type": "object",
        "properties": {"name": STRING, "children": {"type": "array", "items": {"$ref": "#"}}},
        "required": ["name", "children"],
    }
    jsonschema.validate(json.loads(say("A tree named Oak.", schema=node)), node)


def test_json_mode_takes_its_keys_from_the_text() -> None:
    request = "Tell me a joke about cats. Return a JSON with 'setup' and 'punchline' keys."
    assert set(json.loads(say(request, json_mode=True))) == {"setup", "punchline"}


def test_standalone_question() -> None:
    prompt = (
        "Rewrite the message to be a standalone question.\n\n<Chat History>\nuser: What is the Anchor Bridge?\n"
        "assistant: A bridge.\n\n<Follow Up Message>\nWhen was it built?\n\n<Standalone question>\n"
    )
    assert say(prompt).startswith("When was it built?")
    assert "Anchor Bridge" in say(prompt)


def test_the_same_prompt_gets_the_same_answer() -> None:
    assert len({say("What opens at eight?", system=CONTEXT) for _ in range(5)}) == 1


def test_words() -> None:
    assert stems("The deployments were deploying") == stems("deployment deploys")
    assert sentences("It is 3.5 m long, e.g. here. Dr. Who left. (Really!) Yes.") == [
        "It is 3.5 m long, e.g. here.",
        "Dr. Who left.",
        "(Really!)",
        "Yes.",
    ]
    assert count_tokens("One, two.") == 4
    assert truncate_tokens("One, two.", 2) == "One,"


def dot(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize(("dimensions", "full"), [(1536, None), (256, 1536), (256, None), (1024, None)])
def test_vectors_retrieve(dimensions: int, full: int | None) -> None:
    passages = CONTEXT.split("\n\n")
    stored = [embed(text, space="s", dimensions=dimensions, full=full) for text in passages]
    for question, expected in (
        ("How long do you keep a backup?", 0),
        ("when is a key rotated", 1),
        ("is there soup in the cafeteria", 2),
    ):
        asked = embed(question, space="s", dimensions=dimensions, full=full)
        scores = [dot(asked, vector) for vector in stored]
        assert scores.index(max(scores)) == expected


@given(st.text(max_size=200))
def test_vectors_are_units(text: str) -> None:
    vector = embed(text, space="s", dimensions=256)
    assert dot(vector, vector) == pytest.approx(1.0)


def test_code_is_read_line_by_line() -> None:
    page = "# Queue\n\nRun this:\n\n```python\nqueue.add(answer)\n\nqueue.drop(failure)\n```\n\nThat is all."
    assert say("How do I drop a failure?", system=page) == "queue.drop(failure)"


ORDER = tool("lookup_order", "Look up an order by its id.", order_id=STRING)


def test_a_tool_waits_for_what_another_brings() -> None:
    request = "Look up order A-1001 and then tell me the weather in the city it goes to."
    assert calls(request, ORDER, WEATHER) == [("lookup_order", {"order_id": "A-1001"})]
    brought = round_("lookup_order", {"order_id": "A-1001"}, '{"order_id": "A-1001", "location": "Oslo"}')
    assert calls(request, ORDER, WEATHER, turns=brought) == [("get_weather", {"location": "Oslo"})]
    both = "Look up order A-1001 and then tell me the weather in Oslo."
    assert [name for name, _ in calls(both, ORDER, WEATHER)] == ["lookup_order", "get_weather"]


def test_parts_of_a_list_fill_objects() -> None:
    item = {"type": "object", "properties": {"name": STRING, "quantity": INTEGER}, "required": ["name", "quantity"]}
    schema = {"type": "object", "properties": {"items": {"type": "array", "items": item}}, "required": ["items"]}
    assert json.loads(
        say("Ada Lovelace orders items: name: bolts, quantity: 3; name: washers, quantity: 12.", schema=schema)
    ) == {"items": [{"name": "bolts", "quantity": 3}, {"name": "washers", "quantity": 12}]}
    person = {"type": "object", "properties": {"name": STRING, "age": INTEGER}, "required": ["name", "age"]}
    assert json.loads(say("Ada Lovelace is 36 years old.", schema=person)) == {"name": "Ada Lovelace", "age": 36}


def test_exact_words_without_quotation_marks() -> None:
    assert say("Reply with exactly PONG.") == "PONG"
    assert say("Reply with exactly one sentence about bridges.") == NO_CONTEXT
