"""Names for classes, and classes for names, among what this process has already imported.

Nothing here imports a module, calls anything or triggers a lazy attribute: a name that comes from
the database can only pick a class that the program itself has loaded.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


def name_class(cls: type) -> str:
    """Return `module:qualified.name`, from which `find_class` gives back this very class.

    Raises:
        ValueError: It would not, so that what is stored could not be read; the message says why
            and continues "<path> is of class X, …".
    """
    if "<locals>" in cls.__qualname__:
        raise ValueError("which is defined inside a function; move it to the top of its module.")
    name = f"{cls.__module__}:{cls.__qualname__}"
    if find_class(name) is not cls:
        raise ValueError(f"which is not what {name} names; give it the name it is assigned to.")
    return name


def find_class(name: object) -> type | None:
    """Return the loaded class of this name, or None if there is none (or it is no class)."""
    if not isinstance(name, str):
        return None
    module_name, _, qualified_name = name.partition(":")
    found: Any = sys.modules.get(module_name)
    if not isinstance(found, ModuleType):
        return None
    # Straight from the dictionaries: getattr would run a module's `__getattr__` (which imports, in
    # lazy packages) or a class's descriptors.
    namespace = object.__getattribute__(found, "__dict__")
    for part in qualified_name.split("."):
        found = namespace.get(part)
        if not isinstance(found, type):
            return None
        namespace = type.__getattribute__(found, "__dict__")
    return found if isinstance(found, type) else None
