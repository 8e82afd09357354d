"""The names that users import. One that goes or comes is a decision, made here."""

from __future__ import annotations

from importlib import import_module

import pytest

from turnout import errors

PUBLIC = {
    "turnout": [
        "EmbeddingSpace",
        "Failover",
        "Health",
        "Route",
        "Settings",
        "__version__",
        "errors",
        "health",
        "load_settings",
        "reset_health",
        "resolve",
    ],
    "turnout.settings": [
        "AzureBackend",
        "Backend",
        "BackendSettings",
        "BedrockBackend",
        "FailoverSettings",
        "IndexSettings",
        "Kind",
        "OpenAIBackend",
        "PolicySettings",
        "Secret",
        "SecretsSettings",
        "Settings",
        "Target",
        "is_loopback",
        "load_settings",
    ],
    "turnout.limits": ["divide"],
    "turnout.langchain": ["ChatTurnout", "TurnoutEmbeddings", "TurnoutIndex", "cached", "guarded"],
    "turnout.llama_index": ["GuardedVectorStore", "TurnoutEmbedding", "TurnoutIndex", "TurnoutLLM", "guarded"],
    "turnout.reindex": [
        "Check",
        "Chunk",
        "EmbeddedChunk",
        "Estimate",
        "NamedIndex",
        "RefusedChunk",
        "ReindexProgress",
        "ReindexReport",
        "Searchable",
        "Source",
        "Target",
        "WorkerTask",
        "embed_and_write",
        "reindex",
    ],
    "turnout.ray": ["RayWorkers", "TurnoutEmbedBatch", "cluster", "reindex_with_ray"],
}
ERRORS = [
    "AuthenticationError",
    "ChunkRefusedError",
    "CollectionGoneError",
    "ContentFilterError",
    "ContextOverflowError",
    "CredentialError",
    "DiskFullError",
    "EmbeddingSpaceError",
    "FailedAttempt",
    "IndexBehindError",
    "IndexBrokenError",
    "IndexReadOnlyError",
    "IndexUnreachableError",
    "InvalidRequestError",
    "MissingExtraError",
    "ModelCallError",
    "NotFoundError",
    "PartialWriteError",
    "PermissionDeniedError",
    "RateLimitError",
    "RedirectError",
    "ReindexError",
    "ReindexLockedError",
    "ServerError",
    "ServiceAnswerError",
    "ServiceConnectionError",
    "ServiceTimeoutError",
    "SettingsError",
    "StructuredOutputError",
    "TurnoutError",
    "UnknownBackendError",
    "UnknownRouteError",
    "UnsupportedError",
]


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_public_names(module: str) -> None:
    if module == "turnout.ray":
        pytest.importorskip("ray.data")
    found = import_module(module)
    assert sorted(found.__all__) == PUBLIC[module]
    for name in PUBLIC[module]:
        assert getattr(found, name) is not None


def test_public_errors() -> None:
    own = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__module__ == errors.__name__ and not name.startswith("_")
    ]
    assert sorted(own) == ERRORS
