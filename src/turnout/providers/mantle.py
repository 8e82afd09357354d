"""A client of Mantle: OpenAI's models on Bedrock, over OpenAI's own API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import MissingExtraError, SettingsError
from turnout.providers.credentials.aws import choose, current, session
from turnout.providers.explicit import explicit
from turnout.providers.openai import http_options, plain
from turnout.transport.blocking import off_loop

if TYPE_CHECKING:
    import openai

    from turnout.providers.credentials.base import Chosen
    from turnout.settings import BedrockBackend


def base_url(backend: BedrockBackend, region: str, *, gpt_oss: bool) -> str:
    """Where a region serves a model: gpt-oss under `/v1`, the others under `/openai/v1`.

    Source: docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html, and recorded calls of both.
    """
    host = backend.mantle_endpoint or f"https://bedrock-mantle.{region}.api.aws"
    return f"{host}/v1" if gpt_oss else f"{host}/openai/v1"


def connect(backend: BedrockBackend, *, gpt_oss: bool) -> tuple[openai.OpenAI, openai.AsyncOpenAI, Chosen]:
    """Make the clients and say which credential they use.

    A bearer token is sent as it is. Any other AWS credential signs each request, or makes short-term tokens where
    `mantle_auth` says so.

    Raises:
        SettingsError: The region or profile is missing, or a FIPS endpoint is wanted.
        CredentialError: No credential was found.
    """
    import openai

    chosen = choose(backend)
    made = session(backend, chosen)
    region = backend.region or made.get_config_variable("region")
    if not region:
        msg = "a bedrock backend needs its region, like region = 'us-east-1' (or AWS_REGION, or the profile's)"
        raise SettingsError(msg)
    if backend.mantle_endpoint is None and made.get_config_variable("use_fips_endpoint"):
        msg = (
            "AWS_USE_FIPS_ENDPOINT (or the profile's use_fips_endpoint) is set, and Mantle has no FIPS endpoint: "
            "unset it for this process, or name an endpoint yourself as mantle_endpoint"
        )
        raise SettingsError(msg)
    sync_options, async_options = http_options(backend)
    common = {"base_url": base_url(backend, region, gpt_oss=gpt_oss)}
    bearer = chosen.method == "bearer-token"
    if not bearer and backend.mantle_auth != "short-term-token":
        signed: dict[str, Any] = {
            **common,
            "aws_region": region,
            "aws_credentials_provider": lambda: current(made.get_credentials()),
        }
        return (
            explicit(openai.BedrockOpenAI)(**signed, **sync_options),
            explicit(openai.AsyncBedrockOpenAI)(**signed, **async_options),
            chosen,
        )
    tokens = None if bearer else _ShortTermTokens(made, region)
    sync, aio = explicit(openai.OpenAI), explicit(openai.AsyncOpenAI)
    return (
        sync(**common, api_key=tokens or plain(backend.bearer_token), **sync_options),
        aio(**common, api_key=tokens.aget if tokens else plain(backend.bearer_token), **async_options),
        chosen,
    )


class _ShortTermTokens:
    """Bedrock API keys made from AWS credentials, each good for as long as those are, 12 hours at most."""

    def __init__(self, made: Any, region: str) -> None:
        try:
            from aws_bedrock_token_generator import BedrockTokenGenerator
        except ImportError as error:
            msg = "mantle_auth = 'short-term-token' needs aws-bedrock-token-generator: pip install it"
            raise MissingExtraError(msg) from error
        self._generator = BedrockTokenGenerator()
        self._session = made
        self._region = region

    def __call__(self) -> str:
        # Made anew for each call: it is a signature, computed here, and follows credentials that were refreshed.
        return str(self._generator.get_token(current(self._session.get_credentials()), self._region))

    async def aget(self) -> str:
        """The token, without blocking the event loop while credentials are refreshed."""
        return await off_loop(self)
