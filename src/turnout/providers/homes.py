"""Bedrock's two endpoints for OpenAI's and Anthropic's own APIs: Bedrock Runtime and Mantle.

Sources: docs.aws.amazon.com/bedrock/latest/userguide/endpoints.html, inference-responses-api.html and
inference-messages-api.html; recorded calls of Mantle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from turnout.errors import SettingsError
from turnout.providers.base import Client
from turnout.providers.credentials.aws import as_found, choose, session
from turnout.providers.credentials.aws_sessions import endpoint_variants
from turnout.settings.secrets import Secret, plain

if TYPE_CHECKING:
    from turnout.routing import Route
    from turnout.settings import BedrockBackend

NO_REGION = "a bedrock backend needs its region, like region = 'us-east-1' (or AWS_REGION, or the profile's)"
_SIGNED = Secret("signed")  # the SDKs insist on a key


@dataclass(frozen=True, slots=True)
class Home:
    """One API at one endpoint; called with a backend's settings, it makes the clients.

    Attributes:
        name: `runtime` or `mantle`.
        path: Where the endpoint serves the API.
    """

    name: str
    path: str

    @classmethod
    def of(cls, route: Route) -> Home:
        """Where a route's calls go."""
        if route.wire == "anthropic-messages":
            return cls(route.home, "/anthropic")
        bare = route.home == "mantle" and route.facts.family == "gpt-oss"
        return cls(route.home, "/v1" if bare else "/openai/v1")

    def __call__(self, backend: BedrockBackend) -> Client:
        """Make the clients.

        A bearer token is sent as it is. Any other AWS credential signs each request, or makes short-term tokens for
        Mantle where `mantle_auth` says so.
        """
        from turnout.providers.credentials.aws_requests import aws_auth, short_term_keys, signing

        credential = choose(backend)
        made = session(backend, credential)
        credential = as_found(credential, made)
        region = backend.region or made.get_config_variable("region")
        if not region:
            raise SettingsError(NO_REGION)
        base_url = (_mantle if self.name == "mantle" else _runtime)(backend, made, region) + self.path
        is_anthropic = self.path == "/anthropic"
        key, auth = backend.bearer_token, None
        if credential.method != "bearer-token":
            if self.name == "mantle" and backend.mantle_auth == "short-term-token":
                authorize = short_term_keys(region)
            else:
                authorize = signing("bedrock-mantle" if self.name == "mantle" else "bedrock", region)
            key = _SIGNED
            auth = aws_auth("anthropic" if is_anthropic else "openai", made.get_credentials(), authorize)
        if is_anthropic:
            from turnout.providers.anthropic import make_clients

            return make_clients(backend, credential, auth=auth, base_url=base_url, auth_token=plain(key))
        from turnout.providers import openai

        return openai.make_clients(backend, credential, key, auth=auth, base_url=base_url)


def _runtime(backend: BedrockBackend, made: Any, region: str) -> str:
    """The address of Bedrock Runtime by botocore's rules, which have its FIPS and dual-stack endpoints."""
    from botocore.endpoint_provider import EndpointProvider

    endpoint_variants(made, backend.endpoint)
    if backend.endpoint is not None:
        return backend.endpoint
    loader = made.get_component("data_loader")
    rules = loader.load_service_model("bedrock-runtime", "endpoint-rule-set-1")
    variants = {
        parameter: bool(made.get_config_variable(name))
        for parameter, name in (("UseFIPS", "use_fips_endpoint"), ("UseDualStack", "use_dualstack_endpoint"))
    }
    resolved = EndpointProvider(rules, loader.load_data("partitions")).resolve_endpoint(Region=region, **variants)
    return str(resolved.url)


def _mantle(backend: BedrockBackend, made: Any, region: str) -> str:
    if backend.mantle_endpoint is None and made.get_config_variable("use_fips_endpoint"):
        raise SettingsError(
            "AWS_USE_FIPS_ENDPOINT (or the profile's use_fips_endpoint) is set, and Mantle has no FIPS endpoint: "
            "unset it for this process, name an endpoint yourself as mantle_endpoint, or ask Bedrock Runtime, by an "
            "inference profile's id or home = 'runtime'"
        )
    return backend.mantle_endpoint or f"https://bedrock-mantle.{region}.api.aws"
