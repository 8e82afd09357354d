"""Where a credential is got from in a test: the emulator, the environment, and a home folder with nobody's files."""

from __future__ import annotations

import stat
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnout.errors import AuthenticationError, CredentialError
from turnout.settings import Settings
from turnout_emulator import Emulator, Failure

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FIRST_LIFE = 60.0  # seconds: what lives so long is fetched anew before it is used, by botocore and the test's clock
LIFE = 3600.0
CHAT = {"azure": {"deployment": "mini", "model": "gpt-5-mini"}, "bedrock": "amazon.nova-micro-v1:0"}


@dataclass
class World:
    """One test's surroundings.

    Attributes:
        emulator: Who gives credentials, and takes them.
        folder: The home folder.
        patch: Sets variables.
        asked: How often a program or a credential in code was asked.
    """

    emulator: Emulator
    folder: Path
    patch: pytest.MonkeyPatch
    asked: list[str] = field(default_factory=list)

    def set(self, **variables: str) -> None:
        """Set variables of the environment."""
        for name, value in variables.items():
            self.patch.setenv(name, value)

    def set_all(self, target: str) -> None:
        """Set the variables that lead to the emulator."""
        self.set(**self.emulator.environment(target))

    def write(self, name: str, text: str | bytes) -> str:
        """Write a file, and return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def program(self, name: str, lines: str) -> str:
        """Write a program, which notes in a file that it was run, and return its path."""
        path = self.folder / name
        self.write(name, f"#!{sys.executable}\nopen({str(self.folder / 'runs')!r}, 'a').write('x')\n{lines}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def runs(self) -> int:
        """How often programs were run."""
        path = self.folder / "runs"
        return len(path.read_text()) if path.exists() else 0

    def failure(self) -> Failure:
        """What is answered by who gives nothing."""
        return Failure(kind="not_found")

    def tokens(self) -> int:
        """How many credentials the emulator was asked for."""
        return len([request for request in self.emulator.requests if request.operation == "token"])

    def settings(self, provider: str, options: dict[str, Any]) -> Settings:
        """Settings with one backend."""
        addresses = {
            "azure": {"endpoint": self.emulator.azure.url, "ca_bundle": self.emulator.ca_file},
            "bedrock": {"endpoint": self.emulator.bedrock.url, "mantle_endpoint": self.emulator.mantle.url},
        }
        region = {"region": "us-east-1"} if provider == "bedrock" else {}
        chat = options.pop("chat", CHAT[provider])
        made = {"provider": provider, **addresses[provider], **region, **options}
        return Settings.model_validate(
            {"backends": {provider: made}, "chat": {"default": {provider: chat}}, "source": "turnout.toml"}
        )


class Method:
    """A method of getting a credential: what it takes to have one, to be refused one, and to lack one.

    Attributes:
        name: What `docs/credentials.md` calls it.
        provider: Whose it is.
        auth: The setting that names it.
        seen: How the service says that it was called.
        steps: How many credentials are fetched for one.
        unready: Error and words where there is none.
        refused: Error and words where it is refused.
    """

    name = ""
    provider = "azure"
    auth = ""
    seen = "entra"
    steps = 1
    unready: tuple[type[Exception], str] = (CredentialError, "")
    refused: tuple[type[Exception], str] = (CredentialError, "")

    def have(self, world: World) -> dict[str, Any]:
        """Make it succeed; returns the backend's settings."""
        raise NotImplementedError

    def renew(self, world: World) -> None:
        """Make what is fetched from now on differ, where the emulator doesn't see to that."""

    def spoil(self, world: World, options: dict[str, Any]) -> dict[str, Any]:
        """Make it be refused; gets the settings with which it would succeed."""
        raise NotImplementedError

    def lack(self, world: World) -> dict[str, Any]:
        """Make there be none; returns the backend's settings."""
        return {}

    def fetched(self, world: World) -> int:
        """How often a credential was fetched."""
        return world.tokens()


REFUSED_BY_SERVICE = AuthenticationError
