"""Which backend, which wire, which deployment: a route's name → `Route`. No I/O, no SDK."""

from __future__ import annotations

from dataclasses import dataclass, field

from turnout.errors import SettingsError, UnknownBackendError, UnknownRouteError
from turnout.facts.models import ModelFacts, base_id, facts
from turnout.facts.providers import PROVIDERS, ProviderFacts
from turnout.facts.spaces import EmbeddingSpace, space_of
from turnout.redaction import shown
from turnout.settings import Kind, Settings, Target, load_settings
from turnout.settings.options import Options
from turnout.settings.policy import area, check_place
from turnout.settings.problems import nearest

_KEPT = 256


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
        api_version: The dated API that is spoken, on Azure.
        options: What the settings send to this target alone.
        headers: HTTP headers that they send to it alone; secret.
        home: `runtime` or `mantle`, on the wires that both of Bedrock's endpoints serve.
        area: Where its data goes: a region, a pattern of regions, `local`, or None if nothing says.
        weight: The share of the calls that begin here, among the places beside it that have weights too.
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
    api_version: str | None = None
    options: Options = field(default=Options(), compare=False)
    home: str = ""
    headers: Options = field(default=Options(), compare=False, repr=False)
    area: str | None = field(default=None, compare=False)
    weight: float | None = field(default=None, compare=False)

    @property
    def facts(self) -> ModelFacts:
        """What is known about the model."""
        return facts(self.model)


_latest: tuple[Settings | None, dict[tuple[str, Kind, str | None, int | None], tuple[Route, ...]]] = None, {}
"""The settings that were asked last, and their routes: finding one anew is a hundredth of a call's cost."""


def active_backend(settings: Settings, kind: Kind = "chat", override: str | None = None) -> str:
    """The name of the backend that answers a kind of call.

    Args:
        settings: The settings.
        kind: `chat` or `embedding`; `embedding_backend` pins the latter.
        override: A name given in code; wins over both.

    Raises:
        UnknownBackendError: The name isn't among the backends, or none was chosen and there are several.
    """
    name, origin = override, "the call"
    if name is None and kind == "embedding":
        name, origin = settings.embedding_backend, "embedding_backend"
    if name is None:
        name, origin = settings.backend, "backend"
    if name is None:
        first = next(iter(settings.backends))
        if len(settings.backends) == 1:
            return first
        raise UnknownBackendError(
            f"{settings.source} has the backends {', '.join(settings.backends)}, and none is chosen; "
            f"set TURNOUT_BACKEND={first}, or backend = {first!r} in turnout.toml"
        )
    if name not in settings.backends:
        msg = f"{settings.source}: {origin}: unknown backend {shown(name)}{nearest(name, settings.backends)}"
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
    return resolve_places(name, kind=kind, backend=backend, dimensions=dimensions, settings=settings)[0]


def resolve_places(
    name: str = "default",
    *,
    kind: Kind = "chat",
    backend: str | None = None,
    dimensions: int | None = None,
    settings: Settings | None = None,
) -> tuple[Route, ...]:
    """Find the places that may answer for a name, in order of preference; `resolve` finds the first.

    They are the targets of the backend's list, and then those of the fallbacks. Of an embedding route they are those
    of one space.
    """
    global _latest  # noqa: PLW0603 - replaced as a whole, so that no lock is needed
    settings = load_settings() if settings is None else settings
    latest = _latest
    if latest[0] is not settings:
        _latest = latest = settings, {}
    found, asked = latest[1], (name, kind, backend, dimensions)
    places = found.get(asked)
    if places is None:
        if len(found) >= _KEPT:
            found.clear()
        places = found[asked] = _find(settings, *asked)
    return places


def other_places(route: Route, settings: Settings) -> tuple[Route, ...]:
    """The places that may answer instead of a route that `resolve` found, in order of preference."""
    if not route.key:
        return ()
    backend = route.key.rpartition(".")[2].partition("[")[0]
    first, *others = resolve_places(
        route.name, kind=route.kind, backend=backend, dimensions=route.dimensions, settings=settings
    )
    return tuple(others) if first == route else ()


def _find(settings: Settings, name: str, kind: Kind, backend: str | None, dimensions: int | None) -> tuple[Route, ...]:
    routes = settings.routes(kind)
    if name in routes:
        return _places(settings, name, kind, active_backend(settings, kind, backend), dimensions)
    if ":" in name and (prefix := name.split(":", 1)[0]) in settings.backends:
        if backend is not None and backend != prefix:
            msg = f"model {shown(name)} is on backend {prefix!r}, but the call asks for {shown(backend)}; give only one"
            raise UnknownBackendError(msg)
        model = name.split(":", 1)[1]
        if not model:
            raise UnknownRouteError("a direct model is written backend:model, like 'bedrock:us.amazon.nova-lite-v1:0'")
        return (_route(settings, kind, name, prefix, Target(deployment=model), "", dimensions),)
    raise UnknownRouteError(_unknown(settings, kind, name))


def _places(settings: Settings, name: str, kind: Kind, backend: str, dimensions: int | None) -> tuple[Route, ...]:
    targets = settings.routes(kind)[name]
    if backend not in targets:
        raise UnknownRouteError(_no_target(settings, kind, name, backend))
    fallbacks = settings.route_fallbacks.get(f"{kind}.{name}", settings.fallbacks)
    places: list[Route] = []
    for other in dict.fromkeys((backend, *(fallback for fallback in fallbacks if fallback in targets))):
        listed = targets[other].each
        for number, target in enumerate(listed):
            key = f"{kind}.{name}.{other}" + (f"[{number}]" if len(listed) > 1 else "")
            place = _route(settings, kind, name, target.backend or other, target, key, dimensions)
            if not places or kind == "chat" or space_of(place).fits(space_of(places[0])):
                places.append(place)
    return tuple(places)


def _route(
    settings: Settings, kind: Kind, name: str, backend: str, target: Target, key: str, dimensions: int | None
) -> Route:
    provider = settings.backends[backend].provider
    row = PROVIDERS[provider]
    deployment = target.deployment or target.model or ""
    model = target.model or ("" if row.names_deployments else deployment)
    api_version: str | None = getattr(settings.backends[backend], "api_version", None)
    wire = target.wire or row.wire_of(kind, model, dated=api_version is not None)
    origin = f"{settings.source}: {key or f'model {shown(name)}'}"
    check_place(settings, backend, target, origin)
    if wire not in row.served:
        raise SettingsError(f"{origin} has wire {wire!r}, which provider {provider!r} doesn't speak")
    wanted = dimensions if dimensions is not None else target.dimensions
    known = facts(model)
    if known.wires and wire not in known.wires:
        msg = f"{origin} has wire {wire!r}, but {shown(model)} is served on {' and '.join(known.wires)} alone"
        raise SettingsError(msg)
    if known.known and known.kind != kind:
        raise SettingsError(f"{origin}: {shown(model)} is not {'a chat' if kind == 'chat' else 'an embedding'} model")
    if wanted is not None and not known.takes_dimensions(wanted):
        choices = ", ".join(map(str, sorted(known.dimensions)))
        upto = f"1 to {known.any_dimension_to}" if known.any_dimension_to else choices
        raise SettingsError(f"{origin} asks {shown(model)} for {wanted} dimensions; it makes {upto}")
    space = EmbeddingSpace.parse(target.space) if target.space else None
    if space is not None and kind != "embedding":
        raise SettingsError(f"{origin} has space {target.space!r}, but only embedding models have one")
    if space is not None and wanted is not None:
        space = space.of_length(wanted)
        if space.dimensions != wanted:
            raise SettingsError(f"{origin} has the space {target.space!r} and is asked for {wanted} dimensions")
    limits = target.rpm, target.tpm
    return Route(
        *(kind, name, backend, provider, wire, deployment, model, wanted, space, *limits, key),
        api_version=api_version,
        options=target.options,
        headers=target.headers,
        home=_home(row, wire, deployment, target.home, origin),
        area=area(settings, backend, target),
        weight=target.weight,
    )


def _home(row: ProviderFacts, wire: str, deployment: str, wanted: str | None, origin: str) -> str:
    """The endpoint that serves a deployment: an inference profile's id or ARN is known to Bedrock Runtime alone."""
    if wire not in row.homes:
        if wanted is not None:
            raise SettingsError(f"{origin} has home {wanted!r}, but only one endpoint serves the wire {wire!r} there")
        return ""
    is_profile = base_id(deployment) != deployment
    if is_profile and wanted == "mantle":
        msg = f"{origin} has home 'mantle', but {shown(deployment)} is an inference profile, which Mantle doesn't know"
        raise SettingsError(f"{msg}; leave home out, or name the bare model id {shown(base_id(deployment))}")
    return wanted or ("runtime" if is_profile else "mantle")


def _no_target(settings: Settings, kind: Kind, name: str, backend: str) -> str:
    have, row = ", ".join(settings.routes(kind)[name]), PROVIDERS[settings.backends[backend].provider]
    return (
        f"{settings.source}: the {kind} route {name!r} has no target on backend {backend!r} (only on {have}); "
        f"add a line to [{kind}.{name}], like {backend} = {row.examples[kind]}"
    )


def _unknown(settings: Settings, kind: Kind, name: str) -> str:
    routes = settings.routes(kind)
    if not routes:
        backend = active_backend(settings, kind)
        row = PROVIDERS[settings.backends[backend].provider]
        variables = row.deployment_variables.get(kind)
        hint = f" (or set {variables[0]})" if variables else ""
        return (
            f"{settings.source} has no {kind} model; add\n\n"
            f"[{kind}.default]\n{backend} = {row.examples[kind]}\n\nto turnout.toml{hint}"
        )
    as_name = name if repr(name) == shown(name) else "MODEL"
    direct = f" To use a model directly, write its backend before it: {next(iter(settings.backends))}:{as_name}"
    return f"{settings.source}: unknown {kind} route {shown(name)}{nearest(name, routes)}.{direct}"
