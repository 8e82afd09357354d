"""Amazon Bedrock in one region: Bedrock Runtime, and Mantle for OpenAI's models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnout.errors import SettingsError
from turnout.providers import mantle
from turnout.providers.base import Client, Provider
from turnout.providers.credentials import Credential
from turnout.providers.credentials.aws import choose, session
from turnout.providers.credentials.aws_session import endpoint_variants

if TYPE_CHECKING:
    from turnout.providers.base import Connect
    from turnout.settings import BedrockBackend


def connect(backend: BedrockBackend) -> Client:
    """Make the client of Bedrock Runtime.

    The way of signing is fixed here, so that a stray `AWS_BEARER_TOKEN_BEDROCK` doesn't override keys in the settings.
    """
    from botocore.config import Config
    from botocore.exceptions import NoRegionError

    from turnout import __version__
    from turnout.providers.bedrock_runtime import BedrockRuntime

    credential = choose(backend)
    bearer = credential.method == "bearer-token"
    if bearer and backend.endpoint and backend.endpoint.startswith("http://"):
        raise SettingsError("a Bedrock bearer token needs an https endpoint (botocore refuses plain http)")
    made = session(backend, credential)
    # Made once: botocore makes its own form, of what may differ from call to call, twice for each (60 µs).
    app = made.get_config_variable("user_agent_appid")
    user_agent = " ".join([made.user_agent(), f"lib/turnout#{__version__}", *([f"app/{app}"] if app else [])])
    signing = Config(auth_scheme_preference="httpBearerAuth") if bearer else Config(signature_version="v4")
    variants = endpoint_variants(made, backend.endpoint)
    try:
        client = made.create_client(
            "bedrock-runtime",
            endpoint_url=backend.endpoint,
            verify=backend.ca_bundle,
            config=signing.merge(Config(retries={"total_max_attempts": 1}, user_agent=user_agent, **variants)),
        )
    except NoRegionError:
        raise SettingsError(mantle.NO_REGION) from None
    if credential.method == "default-chain":
        credential = Credential(credential.method, f"found by boto3's {made.get_credentials().method!r}")
    runtime = BedrockRuntime(client, None if bearer else made.get_credentials(), backend)
    return Client(runtime, runtime, credential)


def _endpoint(backend: BedrockBackend, wire: str) -> str:
    region = backend.region or "the default region"
    if wire.startswith("openai-"):
        return backend.mantle_endpoint or f"Mantle in {region}"
    return backend.endpoint or f"Bedrock in {region}"


def _connector(_backend: BedrockBackend, wire: str, family: str) -> Connect:
    if not wire.startswith("openai-"):
        return connect
    return mantle.connect_gpt_oss if family == "gpt-oss" else mantle.connect


PROVIDER = Provider(choose, _endpoint, _connector)
