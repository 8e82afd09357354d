"""Errors that Bedrock Runtime has before it looks at the API: AWS's form, whichever API was asked.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from aiohttp import web

from turnout_emulator.refusals import Refusal
from turnout_emulator.services.base import Service, respond


class FrontDoor(Service):
    """A service whose signatures and keys are checked by AWS's front door."""

    def error(self, refusal: Refusal) -> web.Response:
        """An error in the API's form, or in AWS's if the API wasn't reached."""
        if not str(refusal.code).endswith("Exception"):
            return super().error(refusal)
        return respond({"message": refusal.message}, refusal.status, {"x-amzn-ErrorType": str(refusal.code)})
