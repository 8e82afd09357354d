"""Every error that turnout raises.

```
TurnoutError
├── SettingsError             something the user wrote; nothing was sent
│   ├── UnknownRouteError     no such route or model
│   └── UnknownBackendError   no such backend
├── MissingExtraError         a package is not installed (also an ImportError)
├── CredentialError           no credential could be had; lists what was tried
├── UnsupportedError          the model or wire can't do what was asked; nothing was sent
├── StructuredOutputError     the model answered, and not with the object or the tool call that was asked for
├── EmbeddingSpaceError       an index has other vectors than the settings make; nothing was searched or inserted
├── IndexBehindError          a named index's collection lacks documents; nothing was searched
├── IndexUnreachableError     an index's database is stopped, or lets nobody in
├── IndexBrokenError          the files of a store can't be read; a command makes the collection anew
├── IndexReadOnlyError        an index's folder can't be written; it can be searched
├── PartialWriteError         documents were written to some of a named index's collections, and not to others
├── ReindexError              a reindex can't begin or go on; what was done is kept
│   ├── ReindexLockedError    another reindex holds the index
│   └── DiskFullError         no room for the checkpoint or the index
└── ModelCallError            the service was asked, or could not be reached
    ├── AuthenticationError   the credential was refused (401, 403 signature)
    ├── PermissionDeniedError the identity may not do this (403)
    ├── NotFoundError         no such deployment or model (404)
    ├── RateLimitError        throttled (429); `retry_after` in seconds
    ├── InvalidRequestError   the service refused the request (400)
    │   ├── ContextOverflowError  more tokens than the model takes
    │   └── ContentFilterError    refused by a content filter
    ├── ServerError           the service failed (5xx)
    │   └── ServiceAnswerError  it answered, with what can't be read as an answer
    ├── RedirectError         the endpoint sends the call to another server; nothing was sent there (3xx)
    ├── ServiceConnectionError  no connection, or it was cut
    └── ServiceTimeoutError   no answer in time
```

A `SettingsError` is yours to fix, a `ModelCallError` is the service's word on one call.

None of them is a `ValueError`, `TypeError`, `KeyError`, `AttributeError` or `OSError`: frameworks catch those around a
call, and go on without an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Protocol


class _Space(Protocol):
    """An embedding space, as errors name it: a `turnout.EmbeddingSpace`."""

    @property
    def model(self) -> str: ...
    @property
    def dimensions(self) -> int | None: ...
    @property
    def variant(self) -> str: ...


@dataclass(eq=False, repr=False)
class TurnoutError(Exception):
    """Base of every error that turnout raises."""

    message: InitVar[str]

    def __post_init__(self, message: str) -> None:
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {name: value for name, value in vars(self).items() if not name.startswith("__")}
        return _rebuild, (type(self), str(self), fields)


class SettingsError(TurnoutError):
    """A setting is missing, unknown or wrong. Nothing was sent."""


class UnknownRouteError(SettingsError):
    """The application named a route that the settings don't have."""


class UnknownBackendError(SettingsError):
    """A backend was named that the settings don't have."""


class MissingExtraError(TurnoutError, ImportError):
    """A framework or SDK is not installed; the message names the extra."""


@dataclass(eq=False, repr=False, kw_only=True)
class CredentialError(TurnoutError):
    """No credential could be obtained.

    Attributes:
        tried: One line for each method tried: its name and what it lacked.
    """

    tried: tuple[str, ...] = ()


class UnsupportedError(TurnoutError):
    """The model or the wire can't do what was asked. Nothing was sent."""


@dataclass(eq=False, repr=False, kw_only=True)
class StructuredOutputError(TurnoutError):
    """The model answered, and not with the object or the tool call that was asked for.

    Attributes:
        backend: Name of the backend, if it is known.
        deployment: What was asked, if it is known.
    """

    backend: str | None = None
    deployment: str | None = None


@dataclass(eq=False, repr=False, kw_only=True)
class EmbeddingSpaceError(TurnoutError):
    """Vectors of different embedding spaces would have met. Nothing was searched or inserted.

    Attributes:
        index: Which index.
        index_space: The space of its vectors, if it is known.
        wanted_space: The space that the settings give, if it is known.
        fix: What to do about it: a command, or a sentence.
    """

    index: str = ""
    index_space: _Space | None = None
    wanted_space: _Space | None = None
    fix: str = ""


class CollectionGoneError(EmbeddingSpaceError):
    """The collection that a store has open was deleted, by another process or directly. Nothing was searched."""


@dataclass(eq=False, repr=False, kw_only=True)
class ChunkRefusedError(TurnoutError):
    """A store can't hold a chunk as it is. Nothing was embedded, written or deleted.

    Attributes:
        index: The collection.
        id: The chunk.
        key: The key of its metadata that can't be held; None if it is the text or the id.
        reason: What can't be held and why, without the rest of the message.
    """

    index: str = ""
    id: str = ""
    key: str | None = None
    reason: str = ""


@dataclass(eq=False, repr=False, kw_only=True)
class IndexBehindError(TurnoutError):
    """The collection of the settings' embedding space lacks documents that the index has. Nothing was searched.

    Attributes:
        index: The index.
        collection: The collection.
        space: Its embedding space.
        lacking: How many documents it lacks, has in another version, or should not have any more.
        documents: How many documents the index has.
        fix: The command that fills it.
        accept: The command that takes it as it is, if chunks were deleted from it by other means than the index.
    """

    index: str = ""
    collection: str = ""
    space: _Space | None = None
    lacking: int = 0
    documents: int = 0
    fix: str = ""
    accept: str = ""


@dataclass(eq=False, repr=False, kw_only=True)
class IndexUnreachableError(TurnoutError):
    """The database of an index can't be reached: it is stopped, doesn't let this user in, or cut the connection.

    Attributes:
        index: The index, or its collection.
        host: Where the database is, with its port.
    """

    index: str = ""
    host: str = ""


@dataclass(eq=False, repr=False, kw_only=True)
class IndexBrokenError(TurnoutError):
    """The files that a store keeps a collection in can't be read. Nothing was searched or changed.

    Attributes:
        index: The index.
        collection: The collection.
        whole: Whether no collection of the folder can be read.
        fix: The command that makes it anew; without one, a sentence.
    """

    index: str = ""
    collection: str = ""
    whole: bool = False
    fix: str = ""


@dataclass(eq=False, repr=False, kw_only=True)
class IndexReadOnlyError(TurnoutError):
    """An index was to be changed, and its folder can't be written. Nothing was sent or changed.

    Attributes:
        folder: The folder, or the file in it.
    """

    folder: str = ""


@dataclass(eq=False, repr=False, kw_only=True)
class PartialWriteError(TurnoutError):
    """Documents were added to, or deleted from, some of an index's collections, and not others.

    Those others are known as behind: they aren't searched before they are filled.

    Attributes:
        index: The index.
        ids: The documents.
        written: The spaces whose collections have the change.
        behind: The spaces whose collections don't: space → the error that it failed with, while in this process.
    """

    index: str = ""
    ids: tuple[str, ...] = ()
    written: tuple[_Space, ...] = ()
    behind: Mapping[Any, BaseException | None] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {**vars(self), "behind": dict.fromkeys(self.behind)}  # errors of stores don't all pickle
        return _rebuild, (type(self), str(self), fields)


class ReindexError(TurnoutError):
    """An index can't be embedded anew. The old collection is as it was, and what was done is kept."""


class ReindexLockedError(ReindexError):
    """Another reindex holds the index; the message says which."""


class DiskFullError(ReindexError):
    """There is no room for the checkpoint or the index. After making room, the same command goes on."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt of a call that was made again.

    Attributes:
        error: Name of the error's class.
        status: HTTP status, if the service answered.
        code: The service's own error code.
        request_id: The service's id of the request.
        after: Seconds from the call's beginning until it failed.
        backend: Name of the backend that was asked.
        deployment: What was asked there.
    """

    error: str
    status: int | None
    code: str | None
    request_id: str | None
    after: float
    backend: str | None = None
    deployment: str | None = None

    @classmethod
    def of(cls, error: ModelCallError, *, after: float) -> FailedAttempt:
        """An attempt that ended in an error."""
        took = round(after, 3)
        return cls(error.condition, error.status, error.code, error.request_id, took, error.backend, error.deployment)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for an answer's metadata."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(eq=False, repr=False, kw_only=True)
class ModelCallError(TurnoutError):
    """A call to a model failed.

    Attributes:
        backend: Name of the backend in the settings.
        deployment: What was asked: deployment name, model id or ARN.
        status: HTTP status, if the service answered.
        code: The service's own error code (`DeploymentNotFound`, `ThrottlingException`, …).
        request_id: The service's id of the request, for its support.
        retry_after: Seconds that the service asked to wait, if it did.
        retryable: Whether the same request may succeed later.
        attempts: How many attempts the call took until this one ended it.
        failed_attempts: Those before it.
        delivered: Characters of a streamed answer that the caller had when it broke off.
    """

    backend: str | None = None
    deployment: str | None = None
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    retryable: bool = field(default=False, init=False)
    attempts: int = field(default=1, init=False)
    failed_attempts: tuple[FailedAttempt, ...] = field(default=(), init=False)
    delivered: int = field(default=0, init=False)

    @property
    def condition(self) -> str:
        """Name of the error in turnout's own tree, whichever framework's class it also is."""
        return next(kind.__name__ for kind in type(self).__mro__ if kind.__module__ == __name__)

    @property
    def original(self) -> BaseException | None:
        """The SDK's own exception, while it is in this process (SDK errors don't all pickle)."""
        return self.__cause__


class AuthenticationError(ModelCallError):
    """The service refused the credential."""


class PermissionDeniedError(ModelCallError):
    """The identity is known but may not do this."""


class NotFoundError(ModelCallError):
    """No such deployment or model on this backend."""


class RateLimitError(ModelCallError):
    """The service throttled the call."""

    retryable = True


class InvalidRequestError(ModelCallError):
    """The service refused the request as it was."""


class ContextOverflowError(InvalidRequestError):
    """The input is longer than the model takes."""


class ContentFilterError(InvalidRequestError):
    """A content filter or guardrail stopped the prompt or the answer.

    Attributes:
        stage: `prompt` or `completion`, where the service says.
        categories: What was found, where the service says: category → severity, or `detected`.
    """

    stage: str | None = None
    categories: Mapping[str, str] = MappingProxyType({})


class ServerError(ModelCallError):
    """The service failed."""

    retryable = True


class ServiceAnswerError(ServerError):
    """The service answered with success, and with what can't be read as an answer.

    No JSON, half of one, another content than the API promises, no choices, a stream without an event, vectors that
    aren't numbers: often a proxy's or a gateway's words, which pass. What is too large to be read isn't `retryable`.
    """


class RedirectError(ModelCallError):
    """The endpoint redirected the call to another server. Nothing was sent there; the message names both."""


class ServiceConnectionError(ModelCallError):
    """The service could not be reached, or the connection was cut."""

    retryable = True


class ServiceTimeoutError(ModelCallError):
    """The service did not answer in time."""

    retryable = True


def _rebuild(kind: type[TurnoutError], message: str, fields: dict[str, Any]) -> TurnoutError:
    """Rebuild an unpickled error without calling a constructor that asks for more."""
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    vars(error).update(fields)
    return error
