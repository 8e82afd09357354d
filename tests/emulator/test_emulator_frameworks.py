"""The frameworks' own classes against the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import openai
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_aws import BedrockEmbeddings, ChatBedrockConverse
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import AzureChatOpenAI, ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from turnout_emulator import Emulator, Failure
from turnout_emulator.accounts import AWS_BEARER, AZURE_KEY, OPENAI_KEY

QUESTION = [
    SystemMessage("The Anchor Bridge was built in 1883. Trains cross it twice a day."),
    HumanMessage("When was the bridge built?"),
]


@tool
def get_weather(location: str) -> str:
    """Get the weather at a location."""
    return f"It rains in {location}."


class Person(BaseModel):
    """A person."""

    name: str
    age: int
    nickname: str | None = None


@pytest.fixture
def runtime(emulator: Emulator) -> Iterator[Any]:
    key = emulator.accounts.default_aws_key()
    client = boto3.Session().client(
        "bedrock-runtime",
        endpoint_url=emulator.bedrock.url,
        region_name="us-east-1",
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
    )
    yield client
    client.close()


@pytest.fixture(params=["v1", "dated", "openai", "responses", "mantle", "foundry", "claude", "nova"])
def model(request: pytest.FixtureRequest, emulator: Emulator, runtime: Any) -> BaseChatModel:
    match request.param:
        case "v1":
            return ChatOpenAI(
                model="gpt-4o",
                base_url=f"{emulator.azure.url}/openai/v1/",
                api_key=SecretStr(AZURE_KEY),
                stream_usage=True,
                max_retries=0,
            )
        case "dated":
            return AzureChatOpenAI(
                azure_deployment="gpt-4o",
                azure_endpoint=emulator.azure.url,
                api_key=SecretStr(AZURE_KEY),
                api_version="2024-10-21",
                stream_usage=True,
                max_retries=0,
            )
        case "openai":
            return ChatOpenAI(
                model="gpt-4o",
                base_url=f"{emulator.openai.url}/v1",
                api_key=SecretStr(OPENAI_KEY),
                stream_usage=True,
                max_retries=0,
            )
        case "responses":
            return ChatOpenAI(
                model="gpt-4o",
                base_url=f"{emulator.azure.url}/openai/v1/",
                api_key=SecretStr(AZURE_KEY),
                use_responses_api=True,
                max_retries=0,
            )
        case "mantle":
            return ChatOpenAI(
                model="openai.gpt-oss-20b",
                base_url=f"{emulator.mantle.url}/v1",
                api_key=SecretStr(AWS_BEARER),
                stream_usage=True,
                max_retries=0,
            )
        case "foundry":
            return ChatAnthropic(
                model="claude-prod",
                base_url=f"{emulator.azure.url}/anthropic",
                api_key=SecretStr(AZURE_KEY),
                max_retries=0,
            )
    ids = {"claude": "us.anthropic.claude-sonnet-4-6", "nova": "us.amazon.nova-lite-v1:0"}
    converse: BaseChatModel = ChatBedrockConverse(model_id=ids[request.param], client=runtime, region_name="us-east-1")
    return converse


def test_chat(model: BaseChatModel) -> None:
    answer = model.invoke(QUESTION)
    assert answer.text == "The Anchor Bridge was built in 1883."
    assert isinstance(answer, AIMessage)
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 8


def test_stream(model: BaseChatModel) -> None:
    chunks = list(model.stream(QUESTION))
    assert "".join(chunk.text for chunk in chunks) == "The Anchor Bridge was built in 1883."
    assert len([chunk for chunk in chunks if chunk.text]) == 7
    usages = [chunk.usage_metadata for chunk in chunks]
    assert sum(usage["output_tokens"] for usage in usages if usage is not None) == 8


def test_tool_round(model: BaseChatModel) -> None:
    bound = model.bind_tools([get_weather])
    asked = HumanMessage("What is the weather in San Francisco, CA?")
    called = bound.invoke([asked])
    assert isinstance(called, AIMessage)
    assert [call["args"] for call in called.tool_calls] == [{"location": "San Francisco, CA"}]
    result = get_weather.invoke(called.tool_calls[0])
    assert isinstance(result, ToolMessage)
    assert bound.invoke([asked, called, result]).text == "It rains in San Francisco, CA."


def test_structured_output(model: BaseChatModel) -> None:
    found = model.with_structured_output(Person).invoke("Ada Lovelace is 36 years old.")
    assert found == Person(name="Ada Lovelace", age=36)


@pytest.mark.parametrize("version", ["v0", "responses/v1", "v1"])
@pytest.mark.parametrize("kept", [True, False])
def test_reasoning_in_history(emulator: Emulator, version: str, kept: bool) -> None:
    reasoning = ChatOpenAI(
        model="openai.gpt-5.5",
        base_url=f"{emulator.mantle.url}/openai/v1",
        api_key=SecretStr(AWS_BEARER),
        use_responses_api=True,
        output_version=version,
        store=kept,
        include=["reasoning.encrypted_content"],
        max_retries=0,
    ).bind_tools([get_weather])
    history: list[Any] = [HumanMessage("What is the weather in Paris?")]
    called = reasoning.invoke(history)
    assert [call["id"] for call in called.tool_calls] == ["call_0"]
    history += [called, *(get_weather.invoke(call) for call in called.tool_calls)]
    history += [reasoning.invoke(history), HumanMessage("What is the weather in Oslo?")]
    again = reasoning.invoke(history)
    assert [(call["id"], call["args"]) for call in again.tool_calls] == [("call_0", {"location": "Oslo"})]


def test_embeddings(emulator: Emulator, runtime: Any) -> None:
    texts = ["Backups are kept for 35 days.", "The cafeteria opens at eight."]
    openai_embeddings = OpenAIEmbeddings(
        model="embed-small",
        openai_api_base=f"{emulator.azure.url}/openai/v1/",
        openai_api_key=SecretStr(AZURE_KEY),
        check_embedding_ctx_length=False,
    )
    titan = BedrockEmbeddings(model_id="amazon.titan-embed-text-v2:0", client=runtime, region_name="us-east-1")
    cohere = BedrockEmbeddings(model_id="cohere.embed-english-v3", client=runtime, region_name="us-east-1")
    for embeddings in (openai_embeddings, titan, cohere):
        stored = embeddings.embed_documents(texts)
        asked = embeddings.embed_query("How long is a backup kept?")
        scores = [sum(a * b for a, b in zip(asked, vector, strict=True)) for vector in stored]
        assert scores[0] > scores[1] + 0.1


@pytest.fixture(params=["azure", "responses", "bedrock"])
def llm(request: pytest.FixtureRequest, emulator: Emulator, runtime: Any, plain: openai.OpenAI) -> Any:
    if request.param == "responses":
        from llama_index.llms.openai import OpenAIResponses

        return OpenAIResponses(model="gpt-5-mini", api_key=OPENAI_KEY, openai_client=plain)
    if request.param == "azure":
        from llama_index.llms.azure_openai import AzureOpenAI

        return AzureOpenAI(
            model="gpt-4o",
            engine="gpt-4o",
            azure_endpoint=emulator.azure.url,
            api_key=AZURE_KEY,
            api_version="2024-10-21",
            max_retries=0,
        )
    from llama_index.llms.bedrock_converse import BedrockConverse

    return BedrockConverse(
        model="us.anthropic.claude-sonnet-4-5-20250929-v1:0", client=runtime, region_name="us-east-1", max_retries=1
    )


def test_llama_index(llm: Any) -> None:
    from llama_index.core.llms import ChatMessage
    from llama_index.core.tools import FunctionTool

    messages = [
        ChatMessage(role=message.type.replace("human", "user"), content=message.content) for message in QUESTION
    ]
    assert llm.chat(messages).message.content == "The Anchor Bridge was built in 1883."
    assert "".join(chunk.delta for chunk in llm.stream_chat(messages)) == "The Anchor Bridge was built in 1883."

    def get_sky(location: str) -> str:
        """Get the sky at a location."""
        return location

    response = llm.chat_with_tools([FunctionTool.from_defaults(get_sky)], user_msg="How is the sky in Paris?")
    calls = llm.get_tool_calls_from_response(response)
    assert [(call.tool_name, call.tool_kwargs) for call in calls] == [("get_sky", {"location": "Paris"})]


def test_llama_index_structured(llm: Any) -> None:
    from llama_index.core.prompts import PromptTemplate

    found = llm.structured_predict(Person, PromptTemplate("{text}"), text="Ada Lovelace is 36 years old.")
    assert (found.name, found.age) == ("Ada Lovelace", 36)


def test_context_overflow_is_recognised(model: BaseChatModel, emulator: Emulator) -> None:
    from langchain_core.exceptions import ContextOverflowError

    emulator.queue(Failure.context_overflow())
    with pytest.raises(ContextOverflowError):
        model.invoke(QUESTION)
