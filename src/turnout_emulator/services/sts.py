"""AWS STS (AssumeRole, also with a web identity, GetCallerIdentity) and the endpoint that containers have."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from aiohttp import web

from turnout_emulator.accounts import CONTAINER_TOKEN, WEB_IDENTITY_TOKEN, AwsKey
from turnout_emulator.refusals import Refusal, RequestRefused
from turnout_emulator.services.base import Exchange, Handler, Service, parse_form, respond
from turnout_emulator.services.identity import identify_signer

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_SIGNING_NAMES = frozenset({"sts"})
_LONGEST_CHAINED = 3600  # seconds that a role lives which was assumed by another
_SESSION = re.compile(r"[\w+=,.@-]{2,64}")
# STS speaks the query protocol, whose names for these errors differ from the JSON services'.
_QUERY_NAMES = {
    "UnrecognizedClientException": "InvalidClientTokenId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "IncompleteSignatureException": "IncompleteSignature",
    "ExpiredTokenException": "ExpiredToken",
}


class StsService(Service):
    """`POST /` with a signed form; `GET /credentials` with the container's token."""

    name = "sts"
    errors = ("sts",)

    def handlers(self) -> Mapping[str, Handler]:
        """What answers which method and path."""
        return {"POST /": self._query, "GET /credentials": self._container_credentials}

    async def _query(self, exchange: Exchange) -> web.StreamResponse:
        exchange.received.operation = "token"
        form = parse_form(exchange.body)
        if form.get("Action") == "AssumeRoleWithWebIdentity":  # which isn't signed: the token says who it is
            exchange.received.body = {name: value for name, value in form.items() if name != "WebIdentityToken"}
            await self.queued(exchange, (), "token")
            if form.get("WebIdentityToken") != WEB_IDENTITY_TOKEN:
                raise RequestRefused("wrong_web_identity")
            return self._assume(form)
        key = identify_signer(exchange, self.hub, _SIGNING_NAMES)
        exchange.received.body = form
        await self.queued(exchange, (), "token")
        match form.get("Action"):
            case "AssumeRole":
                if key.session_token is not None and float(form.get("DurationSeconds", "3600")) > _LONGEST_CHAINED:
                    raise RequestRefused("wrong_chained_duration")
                return self._assume(form)
            case "GetCallerIdentity":
                arn = key.role_arn or "arn:aws:iam::123456789012:user/turnout-emulator"
                inner = f"<Arn>{escape(arn)}</Arn><UserId>{key.access_key}</UserId><Account>123456789012</Account>"
                return _xml("GetCallerIdentity", inner)
        raise RequestRefused("unknown_action", action=form.get("Action"))

    def _assume(self, form: Mapping[str, str]) -> web.Response:
        role, session = form.get("RoleArn", ""), form.get("RoleSessionName", "")
        if _SESSION.fullmatch(session) is None:
            raise RequestRefused("wrong_session", value=session)
        external_id = self.hub.accounts.external_ids.get(role, form.get("ExternalId"))
        if role not in self.hub.accounts.roles or form.get("ExternalId") != external_id:
            raise RequestRefused("unknown_role", role=role)
        lifetime = float(form.get("DurationSeconds", "3600"))
        if not 900 <= lifetime <= 43_200:
            raise RequestRefused("wrong_duration", value=lifetime)
        key = self.hub.accounts.issue_aws_key(min(lifetime, self.hub.tokens.lifetime), role)
        assumed = f"{role.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{session}"
        inner = (
            f"<AssumedRoleUser><AssumedRoleId>AROATURNOUT:{escape(session)}</AssumedRoleId><Arn>{escape(assumed)}</Arn>"
            f"</AssumedRoleUser><Credentials><AccessKeyId>{key.access_key}</AccessKeyId>"
            f"<SecretAccessKey>{key.secret_key}</SecretAccessKey><SessionToken>{key.session_token}</SessionToken>"
            f"<Expiration>{_expiry(key)}</Expiration></Credentials>"
        )
        return _xml(form["Action"], inner)

    async def _container_credentials(self, exchange: Exchange) -> web.StreamResponse:
        """Temporary keys, as the ECS and EKS agents hand them out."""
        exchange.received.operation = "token"
        if exchange.request.headers.get("authorization") != CONTAINER_TOKEN:
            raise RequestRefused("wrong_container_token")
        await self.queued(exchange, (), "token")
        role = self.hub.accounts.roles[0]
        key = self.hub.accounts.issue_aws_key(self.hub.tokens.lifetime, role)
        exchange.received.auth, exchange.received.identity = "container", role
        body = {"AccessKeyId": key.access_key, "SecretAccessKey": key.secret_key, "Token": key.session_token}
        return respond({**body, "Expiration": _expiry(key), "RoleArn": role})

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the service's own form."""
        kind = "Sender" if refusal.status < 500 else "Receiver"
        code = _QUERY_NAMES.get(str(refusal.code), str(refusal.code))
        text = (
            f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>{kind}</Type><Code>{code}</Code>'
            f"<Message>{escape(refusal.message)}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
        )
        return web.Response(status=refusal.status, headers=refusal.headers, text=text, content_type="text/xml")


def _expiry(key: AwsKey) -> str:
    assert key.expires_at is not None
    return datetime.fromtimestamp(key.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _xml(action: str, inner: str) -> web.Response:
    text = (
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{inner}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    )
    return web.Response(text=text, content_type="text/xml")
