"""The pooled clients, over real sockets: every way to authenticate, loops, threads, and the right error when refused."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients import client_of
from turnout import runtime
from turnout.embedding.embedder import Embedder
from turnout.errors import (
    AuthenticationError,
    ContextOverflowError,
    CredentialError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ServiceConnectionError,
    ServiceTimeoutError,
    SettingsError,
)
from turnout.routing import resolve
from turnout.settings import Settings
from turnout_emulator import Emulator, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

AZURE_KEY = "turnout-emulator-azure-key"


def settings(emulator: Emulator, **backends: dict[str, Any]) -> Settings:
    """Settings whose first backend is the active one."""
    routes = {
        "azure": {"deployment": "embed-small", "model": "text-embedding-3-small"},
        "openai": "text-embedding-3-small",
        "bedrock": "amazon.titan-embed-text-v2:0",
    }
    addresses = {
        "azure": {"endpoint": emulator.azure.url},
        "openai": {"base_url": f"{emulator.openai.url}/v1"},
        "bedrock": {"endpoint": emulator.bedrock.url, "region": "us-east-1"},
    }
    return Settings.model_validate(
        {
            "backend": next(iter(backends)),
            "backends": {name: {"provider": name, **addresses[name], **given} for name, given in backends.items()},
            "embedding": {"default": {name: routes[name] for name in backends}},
            "source": "turnout.toml",
        }
    )


def embedder(emulator: Emulator, name: str, model: str = "default", **options: Any) -> Embedder:
    made = settings(emulator, **{name: options})
    return Embedder(resolve(model, kind="embedding", settings=made), made)


def entra(emulator: Emulator) -> dict[str, str]:
    variables = emulator.environment("entra")
    return {
        "tenant_id": variables["AZURE_TENANT_ID"],
        "client_id": variables["AZURE_CLIENT_ID"],
        "client_secret": variables["AZURE_CLIENT_SECRET"],
        "authority_host": variables["AZURE_AUTHORITY_HOST"],
        "ca_bundle": emulator.ca_file,
    }


def keys(emulator: Emulator) -> dict[str, str]:
    variables = emulator.environment("bedrock")
    return {
        "access_key_id": variables["AWS_ACCESS_KEY_ID"],
        "secret_access_key": variables["AWS_SECRET_ACCESS_KEY"],
    }


def role(emulator: Emulator) -> dict[str, str]:
    from turnout_emulator.accounts import ROLE_ARN

    sts = emulator.environment("sts")["AWS_ENDPOINT_URL_STS"]
    return {**keys(emulator), "role_arn": ROLE_ARN, "auth": "assumed-role", "sts_endpoint": sts}


def bearer(emulator: Emulator) -> dict[str, str]:
    from turnout_emulator.accounts import AWS_BEARER

    return {"bearer_token": AWS_BEARER, "endpoint": emulator.bedrock.https_url, "ca_bundle": emulator.ca_file}


WAYS: list[tuple[str, Callable[[Emulator], dict[str, str]], str]] = [
    ("azure", lambda _: {"api_key": AZURE_KEY}, "api-key"),
    ("azure", lambda _: {"api_key": AZURE_KEY, "api_version": "2024-10-21"}, "api-key"),
    ("azure", entra, "entra"),
    ("azure", lambda e: {**entra(e), "api_version": "2024-10-21"}, "entra"),
    ("openai", lambda _: {"api_key": "sk-turnout-emulator"}, "api-key"),
    ("bedrock", keys, "sigv4"),
    ("bedrock", role, "sigv4"),
    ("bedrock", bearer, "bearer"),
]


@pytest.mark.parametrize(("name", "options", "auth"), WAYS)
def test_each_way_to_authenticate(
    fresh_emulator: Emulator, name: str, options: Callable[[Emulator], dict[str, str]], auth: str
) -> None:
    made = embedder(fresh_emulator, name, **options(fresh_emulator))
    sync = made.embed(["one", "two"])
    assert asyncio.run(made.aembed(["one", "two"])) == sync
    asked = [r for r in fresh_emulator.requests if r.operation == "embeddings"]
    assert {r.service for r in asked} == {name}
    assert {r.auth for r in asked} == {auth}


@pytest.mark.parametrize(
    ("name", "options", "kind", "said"),
    [
        ("azure", {"api_key": "wrong-key"}, AuthenticationError, "refused the credential of backend 'azure'.*api-key"),
        ("azure", {"api_key": "wrong-key", "api_version": "2024-10-21"}, AuthenticationError, "refused the credential"),
        ("openai", {"api_key": "sk-wrong"}, AuthenticationError, "invalid_api_key"),
        ("bedrock", {"access_key_id": "AKIAUNKNOWN", "secret_access_key": "x"}, AuthenticationError, "Unrecognized"),
        ("bedrock", {"secret_access_key": "wrong-secret"}, AuthenticationError, "ignature"),
    ],
)
def test_a_refused_credential_is_named(
    emulator: Emulator, name: str, options: dict[str, str], kind: type[Exception], said: str
) -> None:
    given = {**keys(emulator), **options} if name == "bedrock" else options
    made = embedder(emulator, name, **given)
    with pytest.raises(kind, match=f"(?s){said}") as caught:
        made.embed(["x"])
    for secret in ("wrong-key", "sk-wrong", "wrong-secret"):
        assert secret not in str(caught.value)
    with pytest.raises(kind):
        asyncio.run(made.aembed(["x"]))


def test_an_expired_token_is_refused_and_a_fresh_one_is_fetched_for_as_long_as_the_process_lives() -> None:
    with Emulator(token_lifetime=2.0) as emulator:
        runtime.close()  # a client of an earlier emulator at the same address would have a token
        made = embedder(emulator, "azure", **entra(emulator))
        made.embed(["x"])
        time.sleep(2.5)  # the first token has expired
        made.embed(["x"])
        assert len([r for r in emulator.requests if r.path.endswith("/token")]) >= 2
        emulator.entra.revoke_all()
        with pytest.raises(AuthenticationError) as caught:
            made.embed(["x"])
        assert caught.value.status == 401


def test_a_stray_token_does_not_beat_a_fresh_one(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "stale")
    for version in (None, "2024-10-21"):
        made = embedder(emulator, "azure", api_version=version, max_connections=7, **entra(emulator))
        assert made.embed(["x"]) == asyncio.run(made.aembed(["x"]))


def test_an_unreachable_entra_is_no_credential(emulator: Emulator) -> None:
    wrong = {**entra(emulator), "client_secret": "nope"}
    with pytest.raises(CredentialError, match="AADSTS7000215"):
        embedder(emulator, "azure", **wrong).embed(["x"])
    with pytest.raises(CredentialError, match="AADSTS7000215"):
        asyncio.run(embedder(emulator, "azure", **wrong).aembed(["x"]))


@pytest.mark.parametrize("version", [None, "2024-10-21"])
def test_a_missing_deployment_says_which_where_and_what_the_settings_call_it(
    emulator: Emulator, version: str | None
) -> None:
    made = Settings.model_validate(
        {
            "backends": {
                "azure": {
                    "endpoint": emulator.azure.url,
                    "api_key": AZURE_KEY,
                    "api_version": version,
                    "provider": "azure",
                }
            },
            "embedding": {"default": {"azure": {"deployment": "embed-typo", "model": "text-embedding-3-small"}}},
            "source": "turnout.toml",
        }
    )
    with pytest.raises(NotFoundError) as caught:
        Embedder(resolve(kind="embedding", settings=made), made).embed(["x"])
    text = str(caught.value)
    for part in ("'embed-typo'", emulator.azure.url, "embedding.default.azure in turnout.toml", "DeploymentNotFound"):
        assert part in text
    assert caught.value.status == 404


def test_a_missing_model_on_bedrock(emulator: Emulator) -> None:
    made = embedder(emulator, "bedrock", "bedrock:amazon.titan-embed-text-v9:0", **keys(emulator))
    with pytest.raises(Exception, match="knows Titan v1 and v2"):
        made.embed(["x"])


def test_throttling_carries_what_the_service_asked_to_wait(fresh_emulator: Emulator) -> None:
    made = embedder(fresh_emulator, "azure", api_key=AZURE_KEY, max_retries=0)
    fresh_emulator.queue(Failure.rate_limited(retry_after=7))
    with pytest.raises(RateLimitError) as caught:
        made.embed(["x"])
    assert caught.value.retry_after == 7
    assert caught.value.retryable
    assert caught.value.request_id


def test_a_failed_call_is_repeated_as_often_as_the_settings_say(fresh_emulator: Emulator) -> None:
    for name, options in (("azure", {"api_key": AZURE_KEY}), ("bedrock", keys(fresh_emulator))):
        fresh_emulator.clear()
        fresh_emulator.queue(Failure.server_error(), Failure.server_error())
        assert embedder(fresh_emulator, name, max_retries=2, **options).embed(["x"])
        asked = [r for r in fresh_emulator.requests if r.operation == "embeddings"]
        assert [r.status for r in asked] == [500, 500, 200]


def test_no_answer_in_time(fresh_emulator: Emulator) -> None:
    for name, options in (("azure", {"api_key": AZURE_KEY}), ("bedrock", keys(fresh_emulator))):
        made = embedder(fresh_emulator, name, timeout=0.2, max_retries=0, **options)
        fresh_emulator.queue(Failure.hang(2))
        with pytest.raises(ServiceTimeoutError):
            made.embed(["x"])


def test_nobody_there() -> None:
    class Gone:
        azure = bedrock = openai = type("Endpoint", (), {"url": "http://127.0.0.1:9"})

    for name, options in (
        ("azure", {"api_key": "k"}),
        ("bedrock", {"access_key_id": "a", "secret_access_key": "b"}),
        ("openai", {}),
    ):
        with pytest.raises(ServiceConnectionError, match="no connection to"):
            embedder(Gone(), name, max_retries=0, **options).embed(["x"])  # type: ignore[arg-type]


def test_one_client_per_backend_shared_by_threads(emulator: Emulator) -> None:
    made = settings(emulator, azure={"api_key": AZURE_KEY}, bedrock=keys(emulator))
    with ThreadPoolExecutor(8) as pool:
        azure = set(pool.map(lambda _: id(client_of(made.backends["azure"])), range(32)))
        bedrock = set(pool.map(lambda _: id(client_of(made.backends["bedrock"])), range(32)))
    assert len(azure) == len(bedrock) == 1
    other = settings(emulator, azure={"api_key": "another"})
    assert id(client_of(other.backends["azure"])) not in azure


def test_one_client_serves_loops_one_after_another_and_at_once(emulator: Emulator) -> None:
    made = embedder(emulator, "azure", api_key=AZURE_KEY, max_retries=0)
    expected = made.embed(["x"])
    for _ in range(3):
        assert asyncio.run(made.aembed(["x"])) == expected
    results: list[Any] = []

    def run() -> None:
        async def many() -> None:
            results.extend(await asyncio.gather(*(made.aembed(["x"]) for _ in range(5))))

        asyncio.run(many())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [expected] * 20
    gc.collect()  # a connection left open would warn here, and warnings are errors


def test_closing_and_going_on(emulator: Emulator) -> None:
    made = embedder(emulator, "openai", api_key="sk-turnout-emulator")
    made.embed(["x"])
    runtime.close()
    assert made.embed(["x"])


def _in_child(made: Embedder, queue: Any) -> None:
    queue.put(made.embed(["x"]))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_a_forked_child_makes_its_own_clients(emulator: Emulator) -> None:
    made = embedder(emulator, "openai", api_key="sk-turnout-emulator")
    expected = made.embed(["x"])
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(made, queue))
    child.start()
    assert queue.get(timeout=30) == expected
    child.join(10)
    queue.close()


def test_bearer_tokens_go_over_https_only(emulator: Emulator) -> None:
    with pytest.raises(SettingsError, match="needs an https endpoint"):
        embedder(emulator, "bedrock", bearer_token="b").embed(["x"])


def test_a_region_is_needed() -> None:
    made = Settings.model_validate(
        {
            "backends": {"bedrock": {"provider": "bedrock", "access_key_id": "a", "secret_access_key": "b"}},
            "embedding": {"default": {"bedrock": "amazon.titan-embed-text-v1"}},
        }
    )
    with pytest.raises(SettingsError, match="needs its region, like region = 'us-east-1'"):
        Embedder(resolve(kind="embedding", settings=made), made).embed(["x"])


def test_an_endpoint_is_needed() -> None:
    made = Settings.model_validate(
        {
            "backends": {"azure": {"provider": "azure", "api_key": "k"}},
            "embedding": {"default": {"azure": {"deployment": "d", "model": "text-embedding-3-small"}}},
        }
    )
    with pytest.raises(SettingsError, match="needs its endpoint"):
        Embedder(resolve(kind="embedding", settings=made), made).embed(["x"])


FAMILIES = [
    ("amazon.titan-embed-text-v1", None, 1536),
    ("amazon.titan-embed-text-v2:0", None, 1024),
    ("amazon.titan-embed-text-v2:0", 256, 256),
    ("cohere.embed-english-v3", None, 1024),
    ("cohere.embed-multilingual-v3", None, 1024),
    ("us.cohere.embed-v4:0", None, 1536),
    ("us.cohere.embed-v4:0", 512, 512),
    ("amazon.nova-2-multimodal-embeddings-v1:0", None, 3072),
    ("amazon.nova-2-multimodal-embeddings-v1:0", 384, 384),
]


@pytest.mark.parametrize(("model", "dimensions", "length"), FAMILIES)
def test_every_bedrock_embedding_model(
    fresh_emulator: Emulator, model: str, dimensions: int | None, length: int
) -> None:
    made = settings(fresh_emulator, bedrock=keys(fresh_emulator))
    route = resolve(f"bedrock:{model}", kind="embedding", dimensions=dimensions, settings=made)
    embed = Embedder(route, made)
    texts = [f"text number {n}" for n in range(5)]
    vectors = embed.embed(texts)
    assert [len(v) for v in vectors] == [length] * 5
    assert vectors[3] == embed.embed([texts[3]])[0]
    assert asyncio.run(embed.aembed(texts)) == vectors
    query = embed.embed([texts[0]], "query")[0]
    assert len(query) == length
    bodies = [r.body for r in fresh_emulator.requests]
    if route.facts.purposes:
        kinds = {b.get("input_type") or b["singleEmbeddingParams"]["embeddingPurpose"] for b in bodies}
        assert len(kinds) == 2


def test_large_batches_are_split_as_the_model_takes_them_and_keep_their_order(fresh_emulator: Emulator) -> None:
    texts = [f"passage {n} about {n * 7}" for n in range(250)]
    made = settings(fresh_emulator, bedrock=keys(fresh_emulator), azure={"api_key": AZURE_KEY})
    cohere = Embedder(resolve("bedrock:cohere.embed-english-v3", kind="embedding", settings=made), made)
    vectors = cohere.embed(texts)
    assert sorted(len(r.body["texts"]) for r in fresh_emulator.requests) == [58, 96, 96]
    assert [vectors[i] for i in (0, 95, 96, 249)] == cohere.embed([texts[i] for i in (0, 95, 96, 249)])
    fresh_emulator.clear()
    azure = Embedder(resolve(kind="embedding", backend="azure", settings=made), made)
    azure.embed([f"x{n}" for n in range(2049)])
    assert sorted(len(r.body["input"]) for r in fresh_emulator.requests) == [1, 2048]
    fresh_emulator.clear()
    azure.embed([f"{n} " + "word " * 7_000 for n in range(60)])  # together over what one request takes
    assert len(fresh_emulator.requests) > 1


@pytest.mark.parametrize(
    ("texts", "kind", "said"),
    [
        (["fine", "  "], InvalidRequestError, "text 1 is empty"),
        (["x" * 3000], ContextOverflowError, "text 0 has 3,000 characters; .* takes 2,048"),
        ([7], InvalidRequestError, "text 0 is a int, not a string"),
    ],
)
def test_a_text_that_cannot_be_embedded_is_named_before_anything_is_sent(
    fresh_emulator: Emulator, texts: list[Any], kind: type[Exception], said: str
) -> None:
    made = settings(fresh_emulator, bedrock=keys(fresh_emulator))
    cohere = Embedder(resolve("bedrock:cohere.embed-english-v3", kind="embedding", settings=made), made)
    with pytest.raises(kind, match=said):
        cohere.embed(texts)
    with pytest.raises(kind, match=said):
        asyncio.run(cohere.aembed(texts))
    assert fresh_emulator.requests == []


def test_no_texts_no_vectors(emulator: Emulator) -> None:
    assert embedder(emulator, "azure", api_key=AZURE_KEY).embed([]) == []
