"""Mantle: OpenAI's models on Bedrock, over OpenAI's own API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnout.errors import MissingExtraError, SettingsError
from turnout.providers.credentials.aws import choose, refreshed, session
from turnout.providers.openai import make_clients
from turnout.transport.blocking import off_loop

if TYPE_CHECKING:
    from turnout.providers.base import Client
    from turnout.settings import BedrockBackend

NO_REGION = "a bedrock backend needs its region, like region = 'us-east-1' (or AWS_REGION, or the profile's)"


def connect(backend: BedrockBackend, path: str = "/openai/v1") -> Client:
    """Make the clients.

    A bearer token is sent as it is. Any other AWS credential signs each request, or makes short-term tokens where
    `mantle_auth` says so.
    """
    credential = choose(backend)
    made = session(backend, credential)
    region = backend.region or made.get_config_variable("region")
    if not region:
        raise SettingsError(NO_REGION)
    if backend.mantle_endpoint is None and made.get_config_variable("use_fips_endpoint"):
        raise SettingsError(
            "AWS_USE_FIPS_ENDPOINT (or the profile's use_fips_endpoint) is set, and Mantle has no FIPS endpoint: "
            "unset it for this process, or name an endpoint yourself as mantle_endpoint"
        )
    base_url = (backend.mantle_endpoint or f"https://bedrock-mantle.{region}.api.aws") + path
    if credential.method == "bearer-token":
        return make_clients(backend, credential, backend.bearer_token, base_url=base_url)
    if backend.mantle_auth == "short-term-token":
        return make_clients(backend, credential, tokens=_ShortTermTokens(made, region), base_url=base_url)
    return make_clients(
        backend,
        credential,
        sdk="Bedrock",
        base_url=base_url,
        aws_region=region,
        aws_credentials_provider=lambda: refreshed(made.get_credentials()),
    )


def connect_gpt_oss(backend: BedrockBackend) -> Client:
    """Make the clients for gpt-oss, which is served under another path.

    Source: docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html, and recorded calls of both.
    """
    return connect(backend, "/v1")


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
        return str(self._generator.get_token(refreshed(self._session.get_credentials()), self._region))

    async def aget(self) -> str:
        """Likewise, without blocking the event loop while credentials are refreshed."""
        return await off_loop(self)
