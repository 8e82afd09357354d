"""AWS credentials on the requests of the openai and anthropic SDKs: a signature, or a short-term Bedrock API key.

Both SDKs sign for Mantle alone, and anthropic's with credentials that it finds by itself.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from turnout.errors import CredentialError, MissingExtraError
from turnout.providers.credentials.aws_refresh import needs_refresh, note_refusal, refresh, refreshed
from turnout.transport.blocking import off_loop
from turnout.transport.http_clients import sdk_httpx

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.transport.http_clients import Sdk

    Authorize = Callable[[Any, Any], None]


def signing(service: str, region: str) -> Authorize:
    """What signs a request with AWS credentials, for a service in a region."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    def sign(request: Any, credentials: Any) -> None:
        # Of the headers, a signature needs these; others may be changed on the way.
        signed = {name: value for name, value in request.headers.items() if name.lower().startswith("x-amz")}
        signed["content-type"] = request.headers["content-type"]
        made = AWSRequest(request.method, str(request.url), signed, request.content)
        SigV4Auth(credentials.get_frozen_credentials(), service, region).add_auth(made)
        request.headers.update(dict(made.headers.items()))

    return sign


def short_term_keys(region: str) -> Authorize:
    """What sends a Bedrock API key made from AWS credentials, good for as long as those are, 12 hours at most."""
    try:
        from aws_bedrock_token_generator import BedrockTokenGenerator
    except ImportError as error:
        msg = "mantle_auth = 'short-term-token' needs aws-bedrock-token-generator: pip install it"
        raise MissingExtraError(msg) from error
    generator = BedrockTokenGenerator()

    def send_key(request: Any, credentials: Any) -> None:
        # Made anew for each call: it is a signature, computed here, and follows credentials that were refreshed.
        request.headers["Authorization"] = f"Bearer {generator.get_token(credentials, region)}"

    return send_key


def aws_auth(sdk: Sdk, credentials: Any, authorize: Authorize) -> Any:
    """The `httpx.Auth` of an SDK's client, with credentials that are refreshed when they have to be."""
    return _auth_class(sdk_httpx(sdk))(credentials, authorize)


@cache
def _auth_class(httpx: Any) -> Any:
    from botocore.exceptions import BotoCoreError

    class Auth(httpx.Auth):  # type: ignore[misc] # the library comes when an SDK is first needed
        requires_request_body = True

        def __init__(self, credentials: Any, authorize: Authorize) -> None:
            self._credentials = credentials
            self._authorize = authorize

        def sync_auth_flow(self, request: Any) -> Any:
            request.read()
            self._authorised(request)
            self._note((yield request))

        async def async_auth_flow(self, request: Any) -> Any:
            await request.aread()
            if needs_refresh(self._credentials):
                await off_loop(refresh, self._credentials)
            self._authorised(request)
            self._note((yield request))

        def _note(self, response: Any) -> None:
            named = response.headers.get("x-amzn-errortype", "").partition(":")[0]
            note_refusal(self._credentials, response.status_code, named)

        def _authorised(self, request: Any) -> None:
            try:
                self._authorize(request, refreshed(self._credentials))
            except BotoCoreError as error:
                msg = f"The AWS credential can't be refreshed: {error}"
                raise CredentialError(msg, tried=(str(error),)) from error

    return Auth
