"""AWS Secrets Manager: `GetSecretValue`, in AWS's JSON 1.1, for requests that are signed.

Sources: docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html and CommonErrors.html,
github.com/mongodb/awscdk-resources-mongodbatlas/issues/207 (a refusal's words and its status)
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.services.base import Exchange, Handler, Service, respond
from turnout_emulator.services.identity import identify_signer

_SIGNING_NAMES = frozenset({"secretsmanager"})
_ACTION = "secretsmanager.GetSecretValue"
_ACCOUNT = "123456789012"
_LONGEST = 2048  # characters of an id, which may be an ARN


class SecretsManagerService(Service):
    """`POST /` with a signed JSON body, and the operation in a header."""

    name = "secretsmanager"
    errors = ("secretsmanager",)

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {"POST /": self._operation}

    async def _operation(self, exchange: Exchange) -> web.StreamResponse:
        request, received = exchange.request, exchange.received
        identify_signer(exchange, self.hub, _SIGNING_NAMES)
        if request.headers.get("x-amz-target") != _ACTION:
            raise RequestRefused("unknown_operation")
        asked = self.body(exchange).get("SecretId")
        if not isinstance(asked, str) or not 1 <= len(asked) <= _LONGEST:
            raise RequestRefused("invalid_request")
        received.model = asked
        await self.queued(exchange, (asked,), "other")
        region = request.headers["authorization"].split("/")[2]
        name = self._name(asked, region)
        value = self.hub.aws_secrets.get(name)
        if value is None:
            raise RequestRefused("not_found")
        content = {"SecretString": value} if isinstance(value, str) else {"SecretBinary": value.decode()}
        described = {"ARN": _arn(name, region), "Name": name, "VersionId": str(uuid.uuid5(uuid.NAMESPACE_OID, name))}
        body = {**described, **content, "VersionStages": ["AWSCURRENT"], "CreatedDate": round(time.time(), 3)}
        return web.Response(body=respond(body).body, content_type="application/x-amz-json-1.1")

    def _name(self, asked: str, region: str) -> str:
        """The name of the secret that a name or an ARN, with or without its last six characters, is of."""
        arns = {_arn(name, region): name for name in self.hub.aws_secrets}
        return arns.get(asked) or {arn[:-7]: name for arn, name in arns.items()}.get(asked) or asked

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form: what the caller did wrong is a 400, an unknown signer's request too."""
        status = refusal.status if refusal.status >= 500 else 400
        return web.Response(
            status=status,
            headers=refusal.headers,
            body=respond(self.error_body(refusal)).body,
            content_type="application/x-amz-json-1.1",
        )

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """The JSON of an error."""
        return {"__type": refusal.code, "Message": refusal.message}


def _arn(name: str, region: str) -> str:
    """A secret's ARN, which ends with six characters that Secrets Manager chooses."""
    end = uuid.uuid5(uuid.NAMESPACE_OID, name).hex[:6]
    return f"arn:aws:secretsmanager:{region}:{_ACCOUNT}:secret:{name}-{end}"
