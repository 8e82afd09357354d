"""Which backend, which wire, which deployment: a route's name → `Route`. No I/O, no SDK."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnout.errors import SettingsError, UnknownBackendError, UnknownRouteError
from turnout.facts.models import ModelFacts, base_id, facts
from turnout.facts.spaces import EmbeddingSpace
from turnout.redaction import shown
from turnout.settings import Kind, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnout.settings import Target

WIRES: dict[tuple[str, str], str] = {
    ("azure", "chat"): "openai-chat",
    ("azure", "embedding"): "openai-embeddings",
    ("openai", "chat"): "openai-chat",
    ("openai", "embedding"): "openai-embeddings",
    ("bedrock", "chat"): "bedrock-converse",
    ("bedrock", "embedding"): "bedrock-invoke",
}
"""The usual wire of a provider's models."""

SERVED: dict[str, frozenset[str]] = {
    "azure": frozenset({"openai-chat", "openai-responses", "openai-embeddings", "anthropic-messages"}),
    "openai": frozenset({"openai-chat", "openai-responses", "openai-embeddings"}),
    "bedrock": frozenset({"bedrock-converse", "bedrock-invoke", "openai-chat", "openai-responses"}),
}
"""The wires that each provider's client speaks."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where one kind of call goes.

    Attributes:
        kind: `chat` or `embedding`.
        name: What the application called it: `default`, or a direct `bedrock:us.amazon.nova-lite-v1:0`.
        backend: Name of the backend in the settings.
        provider: `azure`, `bedrock` or `openai`.
        wire: The protocol that is spoken.
        deployment: What the service is asked for: deployment name, model id, inference profile or ARN.
        model: The model behind it, for its facts.
        dimensions: Length of the vectors asked for; None for the model's own.
        space: The embedding space, if the settings state it; `turnout.facts.spaces.space_of` has it for every route.
        rpm: Requests a minute that the process makes at most.
        tpm: Tokens a minute likewise.
        key: Where the settings say so, like `chat.default.azure`.
    """

    kind: Kind
    name: str
    backend: str
    provider: str
    wire: str
    deployment: str
    model: str
    dimensions: int | None = None
    space: EmbeddingSpace | None = None
    rpm: float | None = None
    tpm: float | None = None
    key: str = ""

    @property
    def facts(self) -> ModelFacts:
        """What is known about the model."""
        return facts(self.model)


def wire_of(provider: str, kind: Kind, model: str) -> str:
    """The wire of a model, where the target doesn't force one.

    Claude on Azure speaks Anthropic's Messages. OpenAI's models on Bedrock speak Responses (Mantle), but for gpt-oss,
    which Converse has too.
    """
    if kind == "chat":
        if provider == "azure" and facts(model).family == "claude":
            return "anthropic-messages"
        if provider == "bedrock" and base_id(model).startswith("openai.") and facts(model).family != "gpt-oss":
            return "openai-responses"
    return WIRES[provider, kind]


def active_backend(settings: Settings, kind: Kind = "chat", override: str | None = None) -> str:
    """The name of the backend that answers a kind of call.

    Args:
        settings: The settings.
        kind: `chat` or `embedding`; `embedding_backend` pins the latter.
        override: A name given in code; wins over both.

    Raises:
        UnknownBackendError: The name isn't among the backends, or none was chosen and there are several.
    """
    name, said = override, "the call"
    if name is None and kind == "embedding":
        name, said = settings.embedding_backend, "embedding_backend"
    if name is None:
        name, said = settings.backend, "backend"
    if name is None:
        if len(settings.backends) == 1:
            return next(iter(settings.backends))
        first = next(iter(settings.backends))
        msg = (
            f"{settings.source} gives the backends {', '.join(settings.backends)}, and nothing says which one answers; "
            f"set TURNOUT_BACKEND={first}, or backend = {first!r} in turnout.toml"
        )
        raise UnknownBackendError(msg)
    if name not in settings.backends:
        msg = f"{settings.source}: {said} names {shown(name)}, which is no backend{_nearest(name, settings.backends)}"
        raise UnknownBackendError(msg)
    return name


def resolve(
    name: str = "default",
    *,
    kind: Kind = "chat",
    backend: str | None = None,
    dimensions: int | None = None,
    settings: Settings | None = None,
) -> Route:
    """Find the route for a name.

    Args:
        name: A route (`default`, `fast`), or a model of one backend written directly
            (`bedrock:us.amazon.nova-lite-v1:0`, `azure:gpt-5-prod`).
        kind: `chat` or `embedding`.
        backend: Another backend than the active one.
        dimensions: Length of the vectors, over what the target says.
        settings: The settings; left out, `load_settings()`.

    Raises:
        UnknownRouteError: No such route, or it has no target on this backend.
        UnknownBackendError: No such backend.
        SettingsError: The target doesn't fit: a wire the provider doesn't speak, dimensions the model can't make.
    """
    if settings is None:
        from turnout.settings import load_settings

        settings = load_settings()
    routes = settings.routes(kind)
    if name in routes:
        chosen = active_backend(settings, kind, backend)
        targets = routes[name]
        if chosen not in targets:
            raise UnknownRouteError(_no_target(settings, kind, name, chosen))
        target, key = targets[chosen], f"{kind}.{name}.{chosen}"
    elif ":" in name and (prefix := name.split(":", 1)[0]) in settings.backends:
        if backend is not None and backend != prefix:
            asked = f"the call asks for {shown(backend)}"
            msg = f"model {shown(name)} names the backend {prefix!r}, but {asked}; give only one"
            raise UnknownBackendError(msg)
        chosen, key = prefix, ""
        target = _direct(name.split(":", 1)[1])
    else:
        raise UnknownRouteError(_unknown(settings, kind, name))
    return _route(settings, kind, name, chosen, target, key, dimensions)


def _route(
    settings: Settings, kind: Kind, name: str, backend: str, target: Target, key: str, dimensions: int | None
) -> Route:
    provider = settings.backends[backend].provider
    deployment = target.deployment or target.model or ""
    # On Azure a deployment may have any name, so only `model` says what is behind it.
    model = target.model or (deployment if provider != "azure" else "")
    wire = target.wire or wire_of(provider, kind, model)
    said = key or f"model {shown(name)}"
    if wire not in SERVED[provider]:
        msg = f"{settings.source}: {said} has wire {wire!r}, which provider {provider!r} doesn't speak"
        raise SettingsError(msg)
    wanted = dimensions if dimensions is not None else target.dimensions
    known = facts(model)
    if known.known and known.kind != kind:
        msg = f"{settings.source}: {said} is {shown(model)}, which is no {kind} model"
        raise SettingsError(msg)
    if wanted is not None and not known.takes_dimensions(wanted):
        choices = ", ".join(map(str, sorted(known.dimensions)))
        upto = f"1 to {known.any_dimension_to}" if known.any_dimension_to else choices
        msg = f"{settings.source}: {said} asks {shown(model)} for {wanted} dimensions; it makes {upto}"
        raise SettingsError(msg)
    space = EmbeddingSpace.parse(target.space) if target.space else None
    if space is not None and kind != "embedding":
        msg = f"{settings.source}: {said} has space {target.space!r}, but only embedding models have one"
        raise SettingsError(msg)
    if space is not None and wanted is not None:
        space = space.of_length(wanted)
        if space.dimensions != wanted:
            msg = f"{settings.source}: {said} has the space {target.space!r} and is asked for {wanted} dimensions"
            raise SettingsError(msg)
    return Route(
        kind=kind,
        name=name,
        backend=backend,
        provider=provider,
        wire=wire,
        deployment=deployment,
        model=model,
        dimensions=wanted,
        space=space,
        rpm=target.rpm,
        tpm=target.tpm,
        key=key,
    )


def _direct(model: str) -> Target:
    from turnout.settings import Target

    if not model:
        msg = "a direct model is written backend:model, like 'bedrock:us.amazon.nova-lite-v1:0'"
        raise UnknownRouteError(msg)
    return Target(deployment=model)


def _nearest(name: str, choices: Iterable[str]) -> str:
    from turnout.settings.problems import nearest

    return nearest(name, choices)


def _no_target(settings: Settings, kind: Kind, name: str, backend: str) -> str:
    have = ", ".join(settings.routes(kind)[name])
    return (
        f"{settings.source}: the {kind} route {name!r} has no target on backend {backend!r} (only on {have}); "
        f"add a line to [{kind}.{name}], like {backend} = {_example(settings, kind, backend)}"
    )


def _example(settings: Settings, kind: Kind, backend: str) -> str:
    examples = {
        ("azure", "chat"): '{ deployment = "gpt-5-prod", model = "gpt-5" }',
        ("azure", "embedding"): '{ deployment = "embed-small", model = "text-embedding-3-small" }',
        ("bedrock", "chat"): '"us.anthropic.claude-sonnet-4-6"',
        ("bedrock", "embedding"): '"amazon.titan-embed-text-v2:0"',
        ("openai", "chat"): '"gpt-5-mini"',
        ("openai", "embedding"): '"text-embedding-3-small"',
    }
    return examples[settings.backends[backend].provider, kind]


def _unknown(settings: Settings, kind: Kind, name: str) -> str:
    routes = settings.routes(kind)
    if not routes:
        backend = active_backend(settings, kind)
        hint = ""
        if settings.backends[backend].provider == "azure":
            variable = "AZURE_OPENAI_DEPLOYMENT" if kind == "chat" else "AZURE_OPENAI_EMBEDDING_DEPLOYMENT"
            hint = f" (or set {variable})"
        return (
            f"{settings.source} names no {kind} model; add\n\n"
            f"[{kind}.default]\n{backend} = {_example(settings, kind, backend)}\n\nto turnout.toml{hint}"
        )
    as_name = name if repr(name) == shown(name) else "MODEL"
    direct = f" To name a model directly, write its backend before it: {next(iter(settings.backends))}:{as_name}"
    return f"{settings.source}: {shown(name)} is no {kind} route{_nearest(name, routes)}.{direct}"
