"""An OpenAI-compatible server; Azure OpenAI is this with other paths, credentials and errors."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aiohttp import web

from turnout_emulator.accounts import key_named
from turnout_emulator.answers import Failure, FailureKind
from turnout_emulator.catalogue import OpenAIModel
from turnout_emulator.control import Received
from turnout_emulator.refusals import Refusal
from turnout_emulator.reply import Reply
from turnout_emulator.responses_store import ResponseStore
from turnout_emulator.services.base import Exchange, Hub, Rendering, Service, dumps
from turnout_emulator.wires import openai_chat, openai_embeddings, openai_responses
from turnout_emulator.wires.openai_responses_stream import CONTENT_TYPE, Events


class OpenAIService(Service):
    """`/v1/chat/completions`, `/v1/responses`, `/v1/embeddings` and `/v1/models` with a bearer key."""

    name = "openai"
    azure = False
    response_call_length = 24

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self.responses = ResponseStore()

    def routes(self) -> Iterable[web.RouteDef]:
        """The paths it answers."""
        yield self.route("POST", "/v1/chat/completions", self.chat_completions)
        yield self.route("POST", "/v1/responses", self.create_response)
        yield self.route("POST", "/v1/embeddings", self.create_embeddings)
        yield self.route("GET", "/v1/models", self.list_models)
        yield self.route("GET", "/v1/models/{model}", self.get_model)
        yield self.route("*", "/{path:.*}", self.unknown_path)

    def authenticate(self, exchange: Exchange) -> None:
        """Check the key.

        Raises:
            Refusal: It is missing or wrong.
        """
        scheme, _, key = exchange.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Refusal(
                401,
                None,
                "You didn't provide an API key. You need to provide your API key in an Authorization header using "
                "Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
                type="invalid_request_error",
            )
        name = key_named(self.hub.accounts.openai_keys, key.strip())
        if name is None:
            raise self.refusal("authentication", exchange.received)
        exchange.received.auth, exchange.received.identity = "api-key", name

    def find_model(self, exchange: Exchange, name: object) -> OpenAIModel:
        """The model of a request.

        Raises:
            Refusal: There is none of that name.
        """
        exchange.received.model = str(name) if name is not None else None
        model = self.hub.openai_models.get(str(name))
        if model is None:
            raise self.refusal("not_found", exchange.received)
        return model

    def body(self, exchange: Exchange) -> dict[str, Any]:
        """The request's JSON.

        Raises:
            Refusal: It isn't JSON.
        """
        try:
            return exchange.json()
        except ValueError:
            raise Refusal(
                400,
                None,
                "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
                "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
                type="invalid_request_error",
            ) from None

    async def chat_completions(self, exchange: Exchange) -> web.StreamResponse:
        """Chat."""
        exchange.received.operation, exchange.received.wire = "chat", openai_chat.NAME
        self.authenticate(exchange)
        body = self.body(exchange)
        model = self.chat_model(exchange, body, "chatCompletion")
        prompt = openai_chat.read(body, model)
        rendering = Rendering(
            model=model.served,
            call_prefix="call_",
            call_length=24,
            whole=lambda reply: openai_chat.answer(body, reply, azure=self.azure),
            frames=lambda reply: openai_chat.stream(body, reply, azure=self.azure),
            content_type=openai_chat.CONTENT_TYPE,
            error_frame=lambda refusal: openai_chat.stream_error(self.error_body(refusal)),
        )
        names = (str(exchange.received.model), model.name)
        return await self.chat(exchange, names, prompt, model.context, rendering)

    async def create_response(self, exchange: Exchange) -> web.StreamResponse:
        """The Responses API."""
        exchange.received.operation, exchange.received.wire = "chat", openai_responses.NAME
        self.authenticate(exchange)
        body = self.body(exchange)
        model = self.chat_model(exchange, body, "responses")
        dialect = self.dialect(model)
        request, prompt = openai_responses.read(body, model, dialect, self.responses, self.hub.seals)
        events = Events(request)

        def whole(reply: Reply) -> dict[str, Any]:
            response = openai_responses.answer(request, reply)
            self.responses.keep(request.conversation, response, stored=request.stored)
            return response

        def frames(reply: Reply) -> Iterator[bytes]:
            whole(reply)
            return events.frames(reply)

        rendering = Rendering(
            model=model.served,
            call_prefix="call_",
            call_length=self.response_call_length,
            whole=whole,
            frames=frames,
            content_type=CONTENT_TYPE,
            error_frame=events.error,
        )
        return await self.chat(exchange, (str(exchange.received.model), model.name), prompt, model.context, rendering)

    def dialect(self, model: OpenAIModel) -> openai_responses.Dialect:  # noqa: ARG002 - Mantle's follows from the model
        """How the Responses API speaks here."""
        return openai_responses.AZURE if self.azure else openai_responses.OPENAI

    def chat_model(self, exchange: Exchange, body: Mapping[str, Any], operation: str) -> OpenAIModel:
        """The chat model of a request.

        Raises:
            Refusal: There is none of that name, or it doesn't chat.
        """
        model = self.find_model(exchange, self.model_name(exchange, body))
        if model.kind != "chat":
            raise Refusal(
                400,
                "OperationNotSupported",
                f"The {operation} operation does not work with the specified model, {model.name}. Please choose "
                "different model and try again. You can learn more about which models can be used with each operation "
                "here: https://go.microsoft.com/fwlink/?linkid=2197993.",
                type="invalid_request_error",
            )
        return model

    async def create_embeddings(self, exchange: Exchange) -> web.StreamResponse:
        """Embeddings."""
        exchange.received.operation, exchange.received.wire = "embeddings", openai_embeddings.NAME
        self.authenticate(exchange)
        body = self.body(exchange)
        model = self.find_model(exchange, self.model_name(exchange, body))
        if model.kind != "embeddings":
            raise Refusal(
                400,
                "OperationNotSupported",
                f"The embeddings operation does not work with the specified model, {model.name}. Please choose "
                "different model and try again.",
                type="invalid_request_error",
            )

        def make() -> web.Response:
            return web.Response(body=dumps(openai_embeddings.answer(body, model)), content_type="application/json")

        given = body.get("input")
        size = len(given) if isinstance(given, list) else 1
        return await self.embeddings(exchange, (str(exchange.received.model), model.name), make, size)

    async def list_models(self, exchange: Exchange) -> web.StreamResponse:
        """The models there are."""
        exchange.received.operation = "models"
        self.authenticate(exchange)
        data = [self._model(name) for name in self.model_names()]
        return web.Response(body=dumps({"data": data, "object": "list"}), content_type="application/json")

    async def get_model(self, exchange: Exchange) -> web.StreamResponse:
        """One model."""
        exchange.received.operation = "models"
        self.authenticate(exchange)
        name = exchange.request.match_info["model"]
        if name not in self.model_names():
            exchange.received.model = name
            raise self.refusal("not_found", exchange.received)
        return web.Response(body=dumps(self._model(name)), content_type="application/json")

    async def unknown_path(self, exchange: Exchange) -> web.StreamResponse:
        """Anything else."""
        path = exchange.request.path
        raise Refusal(404, None, f"Invalid URL ({exchange.request.method} {path})", type="invalid_request_error")

    def model_name(self, exchange: Exchange, body: Mapping[str, Any]) -> object:  # noqa: ARG002 - Azure reads the path
        """What the request names as its model.

        Raises:
            Refusal: It names none.
        """
        if not body.get("model"):
            raise Refusal(400, None, "you must provide a model parameter", type="invalid_request_error")
        return body["model"]

    def model_names(self) -> Iterable[str]:
        """The names that the models are listed by."""
        return self.hub.openai_models

    def _model(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": 1_686_935_002, "owned_by": "system"}

    def overflow_message(self, tokens: int, context: int, wire: str | None) -> str:
        """What the service says of a prompt that is too long, on the wire that it came by."""
        if wire == openai_responses.NAME:
            return "Your input exceeds the context window of this model. Please adjust your input and try again."
        return (
            f"This model's maximum context length is {context} tokens. However, your messages resulted in {tokens} "
            "tokens. Please reduce the length of the messages."
        )

    def refusal(self, kind: FailureKind, received: Received, failure: Failure | None = None) -> Refusal:  # noqa: PLR0911
        """OpenAI's error of a kind (https://platform.openai.com/docs/guides/error-codes)."""
        match kind:
            case "authentication":
                return Refusal(
                    401,
                    "invalid_api_key",
                    "Incorrect API key provided: sk-****. You can find your API key at "
                    "https://platform.openai.com/account/api-keys.",
                    type="invalid_request_error",
                )
            case "permission":
                return Refusal(
                    403,
                    "model_not_found",
                    f"Project does not have access to model `{received.model}`",
                    type="invalid_request_error",
                )
            case "not_found":
                return Refusal(
                    404,
                    "model_not_found",
                    f"The model `{received.model}` does not exist or you do not have access to it.",
                    type="invalid_request_error",
                )
            case "rate_limited":
                return Refusal(
                    429,
                    "rate_limit_exceeded",
                    f"Rate limit reached for {received.model} on requests per min (RPM). Please try again later.",
                    type="requests",
                    headers=retry_headers(failure),
                )
            case "context_overflow":
                message = self.overflow_message(1_000_000, 128_000, received.wire)
                param = "input" if received.wire == openai_responses.NAME else "messages"
                return Refusal(400, "context_length_exceeded", message, type="invalid_request_error", param=param)
            case "content_filter":
                return Refusal(
                    400,
                    "content_policy_violation",
                    "Your request was rejected as a result of our safety system.",
                    type="invalid_request_error",
                )
            case "overloaded":
                return Refusal(
                    503,
                    "server_overloaded",
                    "The engine is currently overloaded, please try again later.",
                    type="server_error",
                    headers=retry_headers(failure),
                )
            case "timeout":
                return Refusal(504, None, "Gateway timeout", type="server_error")
            case "server_error":
                return Refusal(
                    500,
                    None,
                    "The server had an error while processing your request. Sorry about that!",
                    type="server_error",
                )
        return Refusal(400, None, "Invalid request.", type="invalid_request_error")

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error."""
        error = {"message": refusal.message, "type": refusal.type, "param": refusal.param, "code": refusal.code}
        return {"error": {**error, **refusal.extra}}

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form."""
        return web.Response(
            status=refusal.status,
            headers=refusal.headers,
            body=dumps(self.error_body(refusal)),
            content_type="application/json",
        )

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """Headers on every answer."""
        return {
            "x-request-id": f"req_{uuid.uuid4().hex}",
            "openai-version": "2020-10-01",
            "openai-processing-ms": "1",
            **limits(exchange),
        }


def limits(exchange: Exchange) -> dict[str, str]:
    """The rate-limit headers of a model call."""
    if exchange.received.operation not in ("chat", "embeddings"):
        return {}
    return {
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-limit-tokens": "10000000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-remaining-tokens": "9999000",
    }


def retry_headers(failure: Failure | None) -> dict[str, str]:
    """How long to wait, in whole seconds and in milliseconds."""
    if failure is None or failure.retry_after is None:
        return {}
    seconds = failure.retry_after
    return {"retry-after": f"{seconds:g}", "retry-after-ms": str(round(seconds * 1000))}
