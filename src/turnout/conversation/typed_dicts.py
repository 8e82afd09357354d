"""Classes that are schemas; before Python 3.12 pydantic reads no `typing.TypedDict`, only typing_extensions'."""

from __future__ import annotations

import sys
from dataclasses import is_dataclass
from functools import reduce
from operator import or_
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin


def is_schema_class(kind: type) -> bool:
    """Whether a class is pydantic's, a TypedDict or a dataclass."""
    from pydantic import BaseModel
    from typing_extensions import is_typeddict

    return is_typeddict(kind) or is_dataclass(kind) or issubclass(kind, BaseModel)


def modern(annotation: Any) -> Any:
    """A type in which every TypedDict is one that pydantic reads."""
    if sys.version_info >= (3, 12):
        return annotation
    from typing_extensions import TypedDict, get_type_hints, is_typeddict

    if is_typeddict(annotation):
        hints = {name: modern(hint) for name, hint in get_type_hints(annotation, include_extras=True).items()}
        make: Any = TypedDict
        made: Any = make(annotation.__name__, hints, total=annotation.__total__)
        made.__doc__ = annotation.__doc__
        return made
    origin, inner = get_origin(annotation), get_args(annotation)
    if not inner or origin is Literal or origin is None:
        return annotation
    if origin in {Union, UnionType}:
        return reduce(or_, (modern(one) for one in inner))
    changed = tuple(modern(one) for one in inner)
    return annotation if changed == inner else origin[changed if len(changed) > 1 else changed[0]]
