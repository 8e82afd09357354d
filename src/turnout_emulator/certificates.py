"""A certificate authority of the emulator's own, so that clients which insist on TLS can be pointed at it."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

import trustme


class Certificates:
    """Makes a certificate for `localhost` and `127.0.0.1`, and a file to trust it by."""

    def __init__(self) -> None:
        authority = trustme.CA(organization_name="turnout emulator")
        self.server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost", "127.0.0.1", "::1").configure_cert(self.server_context)
        with tempfile.NamedTemporaryFile("wb", prefix="turnout-emulator-", suffix=".pem", delete=False) as file:
            file.write(authority.cert_pem.bytes())
        self.ca_file = file.name

    def remove(self) -> None:
        """Delete the file."""
        Path(self.ca_file).unlink(missing_ok=True)
