"""The boundary: typed reading of YAML and JSON, and writing that never leaves half a file.

Inside the package everything is a frozen dataclass. On the way in, pydantic checks a file
against that dataclass; what is wrong becomes one :class:`InputError` with file, key, what was
found and what is allowed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from rmixer.errors import InputError

T = TypeVar("T")

_ALLOWED = {
    "greater_than": "a number > {gt}",
    "greater_than_equal": "a number >= {ge}",
    "less_than": "a number < {lt}",
    "less_than_equal": "a number <= {le}",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "text matching {pattern}",
    "too_short": "at least {min_length} item(s)",
}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def parse(data: object, kind: type[T], where: object) -> T:
    """``data`` (plain dicts, lists, numbers) as a ``kind``; raises :class:`InputError`."""
    try:
        return _adapter(kind).validate_python(data)  # type: ignore
    except ValidationError as error:
        raise _explain(error, kind, where) from None


def _explain(error: ValidationError, kind: Any, where: object) -> InputError:
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"] if not _is_type_tag(part)]
    key, found, context = ".".join(parts), first["input"], first.get("ctx", {})
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        allowed = "only the keys of its schema"
        if dataclasses.is_dataclass(kind) and len(parts) == 1:
            from rmixer.errors import choice

            allowed = choice(parts[0], (field.name for field in dataclasses.fields(kind)))
        return InputError(where, key, f"an unknown key with value {_short(found)}", allowed)
    if first["type"] in ("missing", "missing_argument"):
        return InputError(where, key, "nothing", "a value: this key is required")
    allowed = _ALLOWED.get(first["type"], first["msg"][:1].lower() + first["msg"][1:])
    return InputError(where, key, _short(found), allowed.format(**context))


def _is_type_tag(part: object) -> bool:
    return isinstance(part, str) and any(mark in part for mark in "[]() ")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def read_text(path: Path, what: str) -> str:
    """The text of ``path``; a missing or unreadable file is an :class:`InputError`."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(path, "", "no such file", f"an existing {what}") from None
    except IsADirectoryError:
        raise InputError(path, "", "a folder", f"a {what}") from None
    except UnicodeDecodeError:
        raise InputError(path, "", "bytes that are not UTF-8 text", f"a {what}") from None
    except OSError as error:
        raise InputError(path, "", error.strerror, f"a readable {what}") from None


def load_yaml(path: Path, what: str) -> object:
    """The plain data of a YAML file."""
    try:
        return yaml.safe_load(read_text(path, what))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "text that is not YAML"
        raise InputError(path, line, problem, f"a {what} in YAML") from None


def load_json(path: Path, what: str) -> object:
    """The plain data of a JSON file."""
    try:
        return json.loads(read_text(path, what))
    except json.JSONDecodeError as error:
        message = f"{error.msg} (the file may be truncated)"
        raise InputError(path, f"line {error.lineno}", message, f"a {what} in JSON") from None


def plain(value: object) -> Any:
    """A dataclass (nested) as dicts, lists and numbers, ready for JSON or YAML."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def write_text(path: Path, text: str) -> None:
    """Write whole or not at all: to a temporary name beside ``path``, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_json(path: Path, value: object) -> None:
    """``value`` as JSON, non-finite numbers as null, whole or not at all."""
    write_text(path, json.dumps(plain(value), indent=1, allow_nan=False) + "\n")


def write_yaml(path: Path, value: object) -> None:
    """``value`` as YAML in the order of its fields, whole or not at all."""
    write_text(path, yaml.safe_dump(plain(value), sort_keys=False, width=100))


def content_hash(value: object, length: int = 16) -> str:
    """A fixed hash of plain data, the same in every process and on every machine."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()[:length]
