"""Variables by which other programs go too."""

from __future__ import annotations

import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)


def variable(*names: str) -> str | None:
    """The value of the first of some variables that is set, if one is."""
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def certificates(*names: str) -> str | None:
    """The file or folder of certificates that the first of some variables names, if it is there."""
    found = next(((name, os.environ[name]) for name in names if os.environ.get(name)), None)
    if found is None or Path(found[1]).exists():
        return found[1] if found else None
    _log.warning("%s names certificates that aren't there: %s. The usual ones are trusted.", *found)
    return None


def workload_identity() -> dict[str, str] | None:
    """What Kubernetes' webhook for Entra's workload identities says of this pod, if it does.

    The variables are azure-identity's, and their order too: those of App Service, Arc and others go before.
    """
    if os.environ.get("IDENTITY_ENDPOINT") or os.environ.get("MSI_ENDPOINT"):
        return None
    if not all(os.environ.get(f"AZURE_{name}") for name in ("AUTHORITY_HOST", "TENANT_ID", "FEDERATED_TOKEN_FILE")):
        return None
    fields = ("tenant_id", "client_id", "federated_token_file")
    return {field: value for field in fields if (value := os.environ.get(f"AZURE_{field.upper()}"))}
