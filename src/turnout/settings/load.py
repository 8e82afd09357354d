"""Where settings are read from.

In order, the later winning: the clouds' own variables, `turnout.toml`, `.env`, the environment.
"""

from __future__ import annotations

import copyreg
import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from turnout.errors import SettingsError
from turnout.permissions import warn_if_others_read
from turnout.redaction import shown, without_variables
from turnout.settings.backends import PROVIDERS
from turnout.settings.names import check_names
from turnout.settings.problems import SMALLEST_FILE, TOP_KEYS, nearest, shown_name, translate, variable
from turnout.settings.references import Sources, resolved
from turnout.settings.secrets import Secret, holds_secrets, is_secret, wrapped
from turnout.settings.tree import Kind, SecretsSettings, Settings
from turnout.settings.variables import (
    CLOUD_VARIABLES,
    PROXY_VARIABLES,
    SECRET_VARIABLES,
    fill,
    implied_backends,
    implied_target,
)

if TYPE_CHECKING:
    from turnout.settings.secret_stores.kept import StoredSecret

FILE_NAME = "turnout.toml"
_PREFIX = "TURNOUT_"
_CONFIG_VARIABLE = "TURNOUT_CONFIG"
_TABLES = ("backends", "chat", "embedding", "failover", "index", "policy", "secrets")  # the keys that are tables
_KINDS: tuple[Kind, ...] = ("chat", "embedding")
_ENVIRONMENT = "the environment"
_KEPT = 32
_LARGEST = 2**20  # bytes of a file


@dataclass(slots=True, repr=False)
class _Snapshot:
    """What settings were read from, to compare. It has all of the environment, so it has no `repr`."""

    folder: str
    files: dict[str, tuple[int, int] | None]
    environment: object
    refresh: float = 0.0
    secrets: list[tuple[StoredSecret, int]] = field(default_factory=list)

    def file(self, path: Path) -> None:
        """Take a file among those whose change is looked for."""
        self.files[str(path)] = _stamp(str(path))

    def stored(self, secret: StoredSecret, number: int) -> None:
        """Take a secret of a store among those that have changed, or become old, at some time."""
        self.secrets.append((secret, number))

    def is_now(self) -> bool:
        """Whether nothing has changed, at a fraction of the cost of reading it again."""
        return (
            self.environment == _variables()
            and self.folder == os.getcwd()  # noqa: PTH109 - a Path takes ten times as long
            and all(_stamp(file) == stamp for file, stamp in self.files.items())
            and (not self.secrets or self._are_secrets_new())
        )

    def _are_secrets_new(self) -> bool:
        return not any(secret.number != number or secret.is_due(self.refresh) for secret, number in self.secrets)


_latest: dict[str, tuple[_Snapshot, Settings]] = {}  # path as it was passed → what was read last


def load_settings(path: str | os.PathLike[str] | None = None) -> Settings:
    """Read the settings: `turnout.toml`, `.env` and the environment.

    The same inputs give the same object, so that calling this often costs little; a changed file or variable is
    seen by the next call. A secret of a store is asked for again when it is older than `[secrets] refresh` says.

    Args:
        path: The TOML file; left out, `TURNOUT_CONFIG`, or the nearest `turnout.toml` from the working directory up.

    Raises:
        SettingsError: A file, key or value is wrong, or there are no settings at all; the message says where it
            looked and shows the smallest file that works.
    """
    key = f"{path}"
    latest = _latest.get(key)
    if latest is not None and latest[0].is_now():
        return latest[1]
    snapshot = _snapshot(path)
    try:
        settings = _load(path, snapshot)
    except Exception as error:
        without_variables(error)  # among which is all that was read
        raise
    alike = (known for _, known in list(_latest.values()) if known.source == settings.source and known == settings)
    settings = next(alike, settings)
    if len(_latest) >= _KEPT:
        _latest.clear()
    _latest[key] = snapshot, settings
    return settings


def _read_again(source: str) -> Settings:
    return load_settings(None if source == _ENVIRONMENT else source)


def _reduced(settings: Settings) -> Any:
    """Settings that were read pickle as the name of their file; others without their secrets."""
    return settings.__reduce_ex__(4) if settings.is_made_in_code else (_read_again, (settings.source,))


copyreg.pickle(Settings, _reduced)


def _snapshot(path: str | os.PathLike[str] | None) -> _Snapshot:
    """All that could change what `load_settings` finds."""
    environment = dict(_variables())
    named = path if path is not None else os.environ.get(_CONFIG_VARIABLE)
    here = os.getcwd()  # noqa: PTH109 - a Path takes ten times as long
    folder = os.path.dirname(named) if named else here  # noqa: PTH120
    files = {file: _stamp(file) for file in ([os.fspath(named)] if named else [])}
    found = bool(named)
    while not found:
        file = f"{folder}/{FILE_NAME}"
        files[file] = _stamp(file)
        found = files[file] is not None
        if found or len(folder) <= 1:
            break
        folder = os.path.dirname(folder)  # noqa: PTH120
    file = f"{folder or '.'}/.env" if found else f"{here}/.env"
    files[file] = _stamp(file)
    return _Snapshot(here, files, environment)


def _variables() -> Mapping[Any, Any]:
    """The environment; the mapping beneath it where there is one, because os.environ takes 130 µs to compare."""
    beneath = getattr(os.environ, "_data", None)
    return beneath if isinstance(beneath, dict) else os.environ


def _stamp(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _located(path: str | os.PathLike[str] | None) -> Path | None:
    named = path if path is not None else os.environ.get(_CONFIG_VARIABLE)
    if not named:
        here = Path.cwd()
        return next((file for folder in (here, *here.parents) if (file := folder / FILE_NAME).is_file()), None)
    file = Path(named).expanduser().absolute()
    if not file.is_file():
        origin = "load_settings" if path is not None else _CONFIG_VARIABLE
        name = shown(file.name)
        raise SettingsError(f"{origin}: there is no file {file if name == repr(file.name) else name}")
    return file


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        _check_size(path)
        with path.open("rb") as file:
            return wrapped(tomllib.load(file))
    except tomllib.TOMLDecodeError as error:
        msg = f"{path} is not valid TOML: {error}"
    except UnicodeDecodeError:
        msg = f"{path} is not UTF-8 text"
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}"
    raise SettingsError(msg)


def _check_size(path: Path) -> None:
    if path.stat().st_size > _LARGEST:
        raise SettingsError(f"{path} is larger than {_LARGEST // 2**20} MiB, which no settings are")


def _read_dotenv(path: Path) -> dict[str, Secret]:
    from dotenv import dotenv_values

    _check_size(path)
    return {name: Secret(value) for name, value in dotenv_values(path).items() if value is not None}


def _load(path: str | os.PathLike[str] | None, snapshot: _Snapshot) -> Settings:
    file = _located(path)
    folder = file.parent if file else Path.cwd()
    dotenv_file = folder / ".env"
    environment = {
        name: Secret(value)
        for name, value in os.environ.items()
        if name in CLOUD_VARIABLES or name in PROXY_VARIABLES or name.upper().startswith(_PREFIX)
    }
    data = _read_toml(file) if file else {}
    dotenv = _read_dotenv(dotenv_file) if dotenv_file.is_file() else {}
    if file and holds_secrets(data):
        warn_if_others_read(file, "secrets")
    if any(name in SECRET_VARIABLES or is_secret(*_path(name)) for name in dotenv):
        warn_if_others_read(dotenv_file, "secrets")
    variables = dotenv | environment
    sources = dict.fromkeys(dotenv, str(dotenv_file)) | dict.fromkeys(environment, _ENVIRONMENT)
    turnout_variables = {name: sources[name] for name in variables if name.upper().startswith(_PREFIX)}
    _refuse_unknown(turnout_variables)
    merged = _merged(data, variables)
    merged["backends"] = _with_variables(merged.get("backends"), variables, sources)
    written = [kind for kind in _KINDS if merged.get(kind)]
    for kind in _KINDS:
        merged[kind] = merged.get(kind) or _default_routes(kind, merged["backends"], variables)
    merged["index"] = _from_folder(merged.get("index", {}), folder)
    merged["source"] = str(file) if file else _ENVIRONMENT
    every = {name: value.get_secret_value() for name, value in dotenv.items()} | os.environ
    snapshot.refresh = _refresh(merged.get("secrets"))
    merged, wrong = resolved(merged, Sources(every, folder, snapshot.refresh, snapshot))
    if wrong:
        raise SettingsError("\n".join(f"{file or 'settings'}, {line}" for line in wrong))
    settings = _validated(merged, file, turnout_variables)
    if not settings.backends:
        looked = f"{file} (it has no [backends])" if file else f"{folder} and the folders above it"
        raise SettingsError(
            f"No settings found. Looked for {FILE_NAME} in {looked}, for {_CONFIG_VARIABLE}, and for the clouds' own "
            f"variables (AZURE_OPENAI_ENDPOINT, AWS_REGION, OPENAI_API_KEY).\n"
            f"The smallest {FILE_NAME} that works:\n\n{SMALLEST_FILE}"
        )
    check_names(settings, written)
    return settings


def _refresh(written: Any) -> float:
    """How old a store's secret may be, which has to be known before the rest is validated."""
    try:
        return SecretsSettings.model_validate(written or {}).refresh
    except ValidationError:  # which validation of the whole says in words
        return SecretsSettings().refresh


def _validated(data: dict[str, Any], file: Path | None, variables: Mapping[str, str]) -> Settings:
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        wrong = translate(error, file, data, variables)
    raise wrong  # from here, without the original: that has the values


def _merged(data: dict[str, Any], variables: Mapping[str, Secret]) -> dict[str, Any]:
    """The variables over the file; its own unknown keys stay, so that validation names them."""
    for key in _TABLES:
        if not isinstance(data.get(key, {}), dict):
            raise SettingsError(f"key {key!r} must be a table, like [{key}.default]")
    layers = _overlaid(data, {name: value for name, value in variables.items() if name.upper().startswith(_PREFIX)})
    # A .env file is often shared: names in it that aren't turnout's stay out, the TOML file's unknown keys stay in.
    return {key: value for key, value in layers.items() if key in data or (key in TOP_KEYS and value)}


def _overlaid(data: dict[str, Any], variables: Mapping[str, Secret]) -> dict[str, Any]:
    """The file's content with the variables over it. Each value is text, also one that looks like a number."""
    merged = deepcopy(data)
    paths = {_path(name): name for name in variables}
    for path, name in sorted(paths.items(), key=lambda item: len(item[0])):
        if path[0] in _TABLES and len(path) == 1:
            msg = f"{name}: {path[0]!r} is a table; set its keys, each by its own variable: {name}__…"
            raise SettingsError(msg)
        *tables, last = path
        value, table = variables[name], merged
        for key in tables:
            inner = table.get(key)
            table[key] = table = inner if isinstance(inner, dict) else {}
        table[last] = value if is_secret(*path) else value.get_secret_value()
    return merged


def _path(name: str) -> tuple[str, ...]:
    """The key that a variable of turnout's sets."""
    return tuple(name.upper().removeprefix(_PREFIX).lower().split("__"))


def _with_variables(backends: Any, variables: Mapping[str, Secret], sources: Mapping[str, str]) -> dict[str, Any]:
    filled = dict(backends or implied_backends(variables))
    for name, backend in filled.items():
        if isinstance(backend, dict):
            named = {"provider": name} if name in PROVIDERS else {}
            filled[name] = fill({**named, **backend}, variables, sources)
    return filled


def _from_folder(indexes: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Indexes whose paths begin at the folder of the settings, wherever the application is started."""
    placed = dict(indexes)
    for name, index in indexes.items():
        if isinstance(index, dict):
            paths = {key: index[key] for key in ("path", "source") if isinstance(index.get(key), str) and index[key]}
            placed[name] = {**index, **{key: str(folder / Path(path).expanduser()) for key, path in paths.items()}}
    return placed


def _default_routes(kind: str, backends: dict[str, Any], variables: Mapping[str, Secret]) -> dict[str, Any]:
    """The routes of a kind of which the user wrote none: the variables alone are enough."""
    targets = {
        name: target
        for name, backend in backends.items()
        if isinstance(backend, dict) and (target := implied_target(backend, kind, variables))
    }
    return {"default": targets} if targets else {}


def _refuse_unknown(turnout_variables: Mapping[str, str]) -> None:
    known = {variable([key]) for key in TOP_KEYS} | {_CONFIG_VARIABLE}
    for name, source in turnout_variables.items():
        head = name.upper().split("__")[0]
        nested = "__" in name
        if head not in known or (nested and head in {"TURNOUT_BACKEND", "TURNOUT_EMBEDDING_BACKEND", _CONFIG_VARIABLE}):
            raise SettingsError(f"{shown_name(name)} ({source}): no such setting{nearest(head, known)}")
