"""Compiles plain scalar Python with numba, where numba is: one implementation, two speeds."""

from __future__ import annotations

import hashlib
import os
import types
from pathlib import Path
from typing import Any

import numpy as np


def compile_functions(*modules: types.ModuleType, **replaced: Any) -> dict[str, Any] | None:
    """Every function of the given modules, compiled, by name; None where numba cannot be imported (a browser).

    The functions may call one another across the modules by their plain names. `replaced` puts other plain functions
    in the place of some. FLASHSALE_COMPILE=0 in the environment gives None as well.

    numba is imported here and not with the library: importing it takes longer than all the rest. The machine code is
    kept on disk, so that only the first run on a machine waits for the compiler.
    """
    if os.environ.get("FLASHSALE_COMPILE") == "0":
        return None
    try:
        import numba
    except ImportError:
        return None
    namespace: dict[str, Any] = {"np": np}
    for module in modules:
        namespace.update(vars(module))
    namespace.update(replaced)
    config: Any = numba.config
    kept_in = config.CACHE_DIR
    try:
        functions = [value for value in namespace.values() if isinstance(value, types.FunctionType)]
        config.CACHE_DIR = _cache_folder(functions) or kept_in
        for name, value in list(namespace.items()):
            if isinstance(value, types.FunctionType):
                # The same code, but looking up the names it calls where they are compiled.
                function = types.FunctionType(value.__code__, namespace, name, value.__defaults__)
                function.__module__ = value.__module__
                namespace[name] = _compiled(numba, function)
    finally:
        config.CACHE_DIR = kept_in
    return namespace


def _compiled(numba: Any, function: types.FunctionType) -> Any:
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # nowhere to keep machine code: compile again in every session
        return numba.njit(**options)(function)


def _cache_folder(functions: list[types.FunctionType]) -> str | None:
    """Where the machine code is kept: one folder per text of the sources.

    numba by itself looks only at the file a function stands in; a change in another file would go unnoticed. Where
    the library's folder cannot be written, numba finds a place of its own.
    """
    sources = sorted({Path(function.__code__.co_filename) for function in functions})
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    folder = Path(__file__).parent / "__pycache__" / f"numba-{digest}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return str(folder) if os.access(folder, os.W_OK) else None
