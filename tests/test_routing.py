"""Names → routes."""

from __future__ import annotations

from typing import Any

import pytest

from turnout.errors import SettingsError, UnknownBackendError, UnknownRouteError
from turnout.facts.spaces import space_of
from turnout.routing import resolve
from turnout.settings import Settings

TREE: dict[str, Any] = {
    "backend": "azure",
    "backends": {
        "azure": {"provider": "azure", "endpoint": "https://contoso.openai.azure.com"},
        "bedrock": {"provider": "bedrock", "region": "us-east-1"},
    },
    "chat": {
        "default": {"azure": {"deployment": "gpt-5-prod", "model": "gpt-5"}, "bedrock": "us.amazon.nova-lite-v1:0"},
        "azure-only": {"azure": "x"},
    },
    "embedding": {
        "default": {
            "azure": {"deployment": "embed-small", "model": "text-embedding-3-small"},
            "bedrock": {"model": "amazon.titan-embed-text-v2:0", "dimensions": 512},
        },
        "unnamed": {"azure": "someones-embedder"},
    },
    "source": "turnout.toml",
}


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({**TREE, **changes})


def test_the_backend_decides_deployment_and_wire() -> None:
    azure, bedrock = (resolve(settings=settings(backend=name)) for name in ("azure", "bedrock"))
    assert (azure.backend, azure.wire, azure.deployment, azure.model) == ("azure", "openai-chat", "gpt-5-prod", "gpt-5")
    assert (bedrock.wire, bedrock.deployment) == ("bedrock-converse", "us.amazon.nova-lite-v1:0")
    assert bedrock.facts.family == "nova"
    assert bedrock.key == "chat.default.bedrock"


def test_embeddings_may_be_pinned_elsewhere() -> None:
    pinned = settings(backend="azure", embedding_backend="bedrock")
    assert resolve(settings=pinned).backend == "azure"
    route = resolve(kind="embedding", settings=pinned)
    assert (route.backend, route.wire, route.dimensions) == ("bedrock", "bedrock-invoke", 512)
    assert resolve(kind="embedding", backend="azure", settings=pinned).backend == "azure"


def test_a_model_may_be_named_directly() -> None:
    route = resolve("bedrock:us.amazon.nova-micro-v1:0", settings=settings())
    assert (route.backend, route.deployment, route.facts.images) == ("bedrock", "us.amazon.nova-micro-v1:0", False)
    with pytest.raises(UnknownBackendError, match="is on backend 'bedrock', but the call asks for 'azure'"):
        resolve("bedrock:us.amazon.nova-micro-v1:0", backend="azure", settings=settings())


@pytest.mark.parametrize(
    ("model", "wire", "dated"),
    [
        ("gpt-5", "openai-chat", "openai-chat"),
        ("gpt-5.4", "openai-chat", "openai-chat"),
        ("gpt-5.5", "openai-responses", "openai-chat"),  # on Chat Completions it takes no tools while it reasons
        ("gpt-6.1-sol", "openai-responses", "openai-chat"),
        ("gpt-5-pro", "openai-responses", "openai-responses"),
        ("gpt-5.3-codex", "openai-responses", "openai-responses"),
        ("claude-sonnet-4-6", "anthropic-messages", "anthropic-messages"),
        ("DeepSeek-V3.2", "openai-chat", "openai-chat"),
    ],
)
def test_the_model_decides_the_wire(model: str, wire: str, dated: str) -> None:
    chat = {"default": {"azure": {"deployment": "d", "model": model}}}
    assert resolve(settings=settings(chat=chat)).wire == wire
    backends = {"azure": {**TREE["backends"]["azure"], "api_version": "2024-10-21"}}
    assert resolve(settings=settings(chat=chat, backends=backends, embedding={})).wire == dated


def test_a_wire_that_does_not_serve_the_model_is_refused() -> None:
    chat = {"default": {"azure": {"deployment": "d", "model": "o3-pro", "wire": "openai-chat"}}}
    with pytest.raises(SettingsError, match=r"chat\.default\.azure has wire .openai-chat.*on openai-responses alone"):
        resolve(settings=settings(chat=chat))


def test_on_azure_only_the_model_says_what_is_behind_a_deployment() -> None:
    named_like_a_model = settings(chat={"default": {"azure": "gpt-5"}})
    assert not resolve(settings=named_like_a_model).facts.known


@pytest.mark.parametrize(
    ("name", "options", "kind", "said"),
    [
        ("fst", {}, UnknownRouteError, "unknown chat route 'fst'.*write its backend before it: azure:fst"),
        ("defalt", {}, UnknownRouteError, "did you mean 'default'"),
        (
            "azure-only",
            {"backend": "bedrock"},
            UnknownRouteError,
            r"no target on backend 'bedrock' .*\[chat.azure-only\]",
        ),
        ("default", {"backend": "bedrck"}, UnknownBackendError, "did you mean 'bedrock'"),
        ("default", {"kind": "embedding", "dimensions": 4000}, SettingsError, "4000 dimensions; it makes 1 to 1536"),
        (
            "default",
            {"kind": "embedding", "backend": "bedrock", "dimensions": 300},
            SettingsError,
            "makes 256, 512, 1024",
        ),
        ("bedrock:amazon.titan-embed-text-v2:0", {}, SettingsError, "is not a chat model"),
        ("bedrock:", {}, UnknownRouteError, "backend:model"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_one(
    name: str, options: dict[str, Any], kind: type[SettingsError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        resolve(name, settings=settings(), **options)


def test_no_routes_at_all_shows_what_to_add() -> None:
    with pytest.raises(UnknownRouteError, match=r"\[chat.default\]\nazure = .*\n\n.*AZURE_OPENAI_DEPLOYMENT"):
        resolve(settings=settings(chat={}))


def test_a_wire_that_the_provider_does_not_speak_is_refused() -> None:
    wrong = settings(chat={"default": {"azure": {"model": "gpt-5", "wire": "bedrock-converse"}}})
    with pytest.raises(SettingsError, match="wire 'bedrock-converse', which provider 'azure' doesn't speak"):
        resolve(settings=wrong)


def test_spaces_follow_the_model_not_the_cloud() -> None:
    tree = {**TREE["backends"], "openai": {"provider": "openai"}}
    routes = {"default": {**TREE["embedding"]["default"], "openai": "text-embedding-3-small"}}
    both = settings(backends=tree, embedding=routes)
    spaces = {b: space_of(resolve(kind="embedding", backend=b, settings=both)) for b in tree}
    assert spaces["azure"] == spaces["openai"]
    assert str(spaces["azure"]) == "text-embedding-3-small/1536"
    assert str(spaces["bedrock"]) == "amazon.titan-embed-text-v2:0/512"
    shorter = space_of(resolve(kind="embedding", dimensions=256, settings=both))
    assert shorter != spaces["azure"]


def test_a_deployment_whose_model_nobody_names_is_a_space_of_its_own() -> None:
    assert str(space_of(resolve("unnamed", kind="embedding", settings=settings()))) == "azure:someones-embedder/?"


@pytest.mark.parametrize(
    ("target", "wire", "home"),
    [
        ("global.openai.gpt-5.6-sol", "openai-responses", "runtime"),
        ("openai.gpt-5.5", "openai-responses", "mantle"),
        ({"model": "openai.gpt-oss-120b-1:0", "wire": "openai-chat", "home": "runtime"}, "openai-chat", "runtime"),
        ({"model": "openai.gpt-oss-120b", "wire": "openai-chat"}, "openai-chat", "mantle"),
        (
            {
                "deployment": "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
                "model": "openai.gpt-5.6-sol",
            },
            "openai-responses",
            "runtime",
        ),
        ("us.anthropic.claude-sonnet-4-6", "bedrock-converse", ""),
        ({"model": "us.anthropic.claude-sonnet-4-6", "wire": "anthropic-messages"}, "anthropic-messages", "runtime"),
        ({"model": "anthropic.claude-opus-4-8", "wire": "anthropic-messages"}, "anthropic-messages", "mantle"),
    ],
)
def test_the_id_decides_the_endpoint_on_bedrock(target: Any, wire: str, home: str) -> None:
    route = resolve(settings=settings(backend="bedrock", chat={"default": {"bedrock": target}}))
    assert (route.wire, route.home) == (wire, home)


@pytest.mark.parametrize(
    ("backend", "target", "problem"),
    [
        ("bedrock", {"model": "global.openai.gpt-5.6-sol", "home": "mantle"}, "is an inference profile, which Mantle"),
        ("bedrock", {"model": "us.anthropic.claude-sonnet-4-6", "home": "runtime"}, "only one endpoint serves"),
        ("azure", {"deployment": "d", "model": "gpt-5", "home": "runtime"}, "only one endpoint serves"),
    ],
)
def test_a_home_that_makes_no_sense_is_refused(backend: str, target: Any, problem: str) -> None:
    chat = {"default": {backend: target}}
    with pytest.raises(SettingsError, match=problem):
        resolve(settings=settings(backend=backend, chat=chat))
