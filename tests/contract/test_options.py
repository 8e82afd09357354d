"""Options and headers of a backend and a target, in both frameworks, on every wire."""

from __future__ import annotations

import asyncio
import os
import re
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from tests.support.frameworks import FRAMEWORKS, Embedding
from turnout.errors import InvalidRequestError, SettingsError, UnsupportedError
from turnout.langchain import ChatTurnout
from turnout.llama_index import TurnoutLLM
from turnout.routing import resolve
from turnout.settings import load_settings
from turnout_emulator import Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator

OPTIONS = {
    "user": "u",
    "service_tier": "flex",
    "guardrail_config": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
    "request_metadata": {"team": "rag"},
    "prompt_cache_key": "k",
    "verbosity": "low",
    "top_k": 5,
}


def langchain(way: str, **arguments: Any) -> None:
    model = ChatTurnout(**arguments)
    if way == "async":
        asyncio.run(model.ainvoke("Hello"))
    else:
        list(model.stream("Hello")) if way == "stream" else model.invoke("Hello")


def llama_index(way: str, *, extra: dict[str, Any] | None = None, **arguments: Any) -> None:
    model, messages = TurnoutLLM(**arguments, additional_kwargs=extra or {}), [ChatMessage("Hello")]
    if way == "async":
        asyncio.run(model.achat(messages))
    else:
        list(model.stream_chat(messages)) if way == "stream" else model.chat(messages)


@pytest.fixture(params=[langchain, llama_index])
def ask(request: pytest.FixtureRequest) -> Callable[..., None]:
    made: Callable[..., None] = request.param
    return made


@pytest.mark.parametrize("way", ["whole", "async", "stream"])
def test_the_same_options_run_on_every_wire(
    ask: Callable[..., None], column: Column, fresh_emulator: Emulator, way: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ask(way, extra=OPTIONS)
    body = fresh_emulator.requests[-1].body
    expected: dict[str, dict[str, Any]] = {
        "openai-chat": {"user": "u", "service_tier": "flex", "prompt_cache_key": "k", "verbosity": "low"},
        "openai-responses": {
            "user": "u",
            "service_tier": "flex",
            "prompt_cache_key": "k",
            "text": {"verbosity": "low"},
        },
        "anthropic-messages": {"metadata": {"user_id": "u"}, "top_k": 5},
        "bedrock-converse": {
            "serviceTier": {"type": "flex"},
            "requestMetadata": {"team": "rag"},
            "guardrailConfig": OPTIONS["guardrail_config"],
        },
    }
    for name, value in expected[column.wire].items():
        if column.wire == "bedrock-converse" and way == "stream" and name == "guardrailConfig":
            assert body[name].items() >= value.items()
        else:
            assert body[name] == value
    assert "prompt_cache_key" not in body or column.wire.startswith("openai-")


@pytest.mark.usefixtures("column")
def test_an_option_that_no_service_knows_is_named(ask: Callable[..., None], fresh_emulator: Emulator) -> None:
    with pytest.warns(UserWarning, match="the option colour is left out: the wire .* has no such option"):
        ask("whole", extra={"colour": "red"})
    assert "colour" not in fresh_emulator.requests[-1].body


def test_a_backend_and_a_target_have_their_own(
    ask: Callable[..., None], columns_file: Path, fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = columns_file.read_text(encoding="utf-8")
    columns_file.write_text(
        text
        + '\n[chat.tiered]\nazure = { deployment = "gpt-5-prod", model = "gpt-5", options = { service_tier = "flex" } }\n'
        'bedrock_claude = "us.anthropic.claude-sonnet-4-6"\n'
        '[backends.azure.options]\nuser = "u"\nservice_tier = "default"\n'
        '[backends.azure.headers]\nX-Team = "rag"\n[backends.bedrock_claude.headers]\nX-Team = "rag-b"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    ask("whole", model="tiered")
    sent = fresh_emulator.requests[-1]
    assert (sent.body["service_tier"], sent.body["user"], sent.headers["x-team"]) == ("flex", "u", "rag")
    ask("async", extra={"azure": {"user": "v"}, "bedrock_claude": {"top_k": 3}})
    sent = fresh_emulator.requests[-1]
    assert (sent.body["service_tier"], sent.body["user"], sent.headers["x-team"]) == ("default", "v", "rag")
    monkeypatch.setenv("TURNOUT_BACKEND", "bedrock_claude")
    for way in ("whole", "async", "stream"):
        ask(way, model="tiered", extra={"azure": {"user": "v"}, "bedrock_claude": {"top_k": 3}})
        sent = fresh_emulator.requests[-1]
        assert sent.body["additionalModelRequestFields"] == {"top_k": 3}
        assert sent.headers["x-team"] == "rag-b"


def test_the_policy_refuses_an_option(
    ask: Callable[..., None], columns_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns_file.write_text('unsupported = "error"\n' + columns_file.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("TURNOUT_BACKEND", "azure")
    with pytest.raises(UnsupportedError, match="the option top_k is not possible"):
        ask("whole", extra={"top_k": 5})


def test_headers_are_secret(columns_file: Path) -> None:
    with columns_file.open("a", encoding="utf-8") as file:
        file.write('[backends.azure.headers]\nX-Gateway-Key = "sesame-7351"\n')
    settings = load_settings()
    assert "sesame-7351" not in f"{settings!r}{settings}{settings.backends['azure']!r}{settings.model_dump()}"
    assert "sesame-7351" in settings.backends["azure"].secrets()
    assert hash(settings.backends["azure"])


def test_a_targets_headers_are_secret(columns_file: Path, ask: Callable[..., None], fresh_emulator: Emulator) -> None:
    with columns_file.open("a", encoding="utf-8") as file:
        file.write('[chat.told.azure]\ndeployment = "gpt-5-prod"\nheaders = { X-Key = "sesame-7351" }\n')
    settings = load_settings()
    route = resolve("told", backend="azure", settings=settings)
    assert "sesame-7351" not in f"{settings!r}{settings}{settings.model_dump()}{route!r}{route}"
    fresh_emulator.queue(Failure.invalid_request("The header sesame-7351 is wrong."))
    with pytest.raises(InvalidRequestError) as caught:
        ask("whole", model="told", backend="azure")
    assert "sesame-7351" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("way", ["whole", "async", "stream"])
def test_a_targets_headers_are_sent_on_it_alone(
    ask: Callable[..., None], column: Column, columns_file: Path, fresh_emulator: Emulator, way: str
) -> None:
    text = columns_file.read_text(encoding="utf-8")
    (target,) = re.findall(rf"(?m)^{column.name} = {{ (.*) }}$", text.partition("[embedding.")[0])
    columns_file.write_text(
        f'{text}\n[chat.told]\n{column.name} = {{ {target}, headers = {{ x-team = "told", X-Only = "yes" }} }}\n'
        f'[backends.{column.name}.headers]\nX-Team = "all"\nX-Gateway = "g"\n',
        encoding="utf-8",
    )
    ask(way, model="told")
    ask(way)
    told, plain = ([one.headers.get(name) for name in ("x-team", "x-only", "x-gateway")] for one in fresh_emulator.requests)  # fmt: skip
    assert (told, plain) == (["told", "yes", "g"], ["all", None, "g"])


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_embedding_target_has_its_own(
    framework: str, column: Column, columns_file: Path, fresh_emulator: Emulator
) -> None:
    text = columns_file.read_text(encoding="utf-8")
    (target,) = re.findall(rf"(?m)^{column.name} = {{ (.*) }}$", text.partition("[embedding.")[2])
    columns_file.write_text(
        f'{text}\n[embedding.told]\n{column.name} = {{ {target}, headers = {{ X-Team = "told" }} }}\n'
    )
    for model, sent in (("told", "told"), ("default", None)):
        embedding = Embedding(framework, model=model)
        assert len(embedding.texts(["a"])) == 1
        assert asyncio.run(embedding.aquery("b"))
        assert [one.headers.get("x-team") for one in fresh_emulator.requests] == [sent, sent]
        fresh_emulator.clear()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('[backends.azure]\noptions = "flex"', "backends.azure.options.*not a table"),
        ('[backends.azure.headers]\nX-Key = ""', "backends.azure.headers.*a header is a name and a text"),
        ('[backends.azure.headers]\nX-Key = "a\\nb"', "backends.azure.headers.*a header is a name and a text"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, table: str, said: str) -> None:
    path = tmp_path / "turnout.toml"
    head = '[backends.azure]\nendpoint = "https://contoso.openai.azure.com"\napi_key = "k"\n'
    path.write_text(head + table.replace("[backends.azure]\n", ""), encoding="utf-8")
    with pytest.raises(SettingsError, match=f"(?s){said}"):
        load_settings(path)


def test_a_variable_may_have_a_table(columns_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_BACKENDS__AZURE__OPTIONS", '{"service_tier": "flex"}')
    assert load_settings().backends["azure"].options == {"service_tier": "flex"}
    assert os.environ["TURNOUT_CONFIG"] == str(columns_file)
