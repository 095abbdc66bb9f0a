"""The boundary: typed reading of YAML and JSON, and writing that never leaves half a file.

Inside the package all data are frozen dataclasses. When a file is read, pydantic checks it against
its dataclass; each error becomes an :class:`InputError` with file, key, the value found and the
values allowed.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
import os
import re
import types
import typing
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import yaml
from pydantic import AfterValidator, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from rmixer.errors import InputError, all_of, choice

T = TypeVar("T")

_ALLOWED = {
    "greater_than": "{number} > {gt:g}",
    "greater_than_equal": "{number} >= {ge:g}",
    "less_than": "{number} < {lt:.10g}",
    "less_than_equal": "{number} <= {le:.10g}",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
    "too_short": "a list of {min_length} or more",
    "string_too_short": "text that is not empty",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text (put it in quotes)",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "dataclass_type": "a mapping of keys to values",
}
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
_MISSING = ("missing", "missing_argument")
_EXPONENT = re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9]*)?[eE][-+]?[0-9]+$")


def check_name(text: str) -> str:
    """Returns ``text`` if it is valid as the name of a file or a folder; raises the error that
    pydantic reports otherwise."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", text):
        allowed = "up to 100 letters, digits and . _ -, the first a letter or a digit"
        raise PydanticCustomError("name", allowed)
    return text


Name = Annotated[str, AfterValidator(check_name)]
"""Text that is valid as the name of a file or a folder."""


class Loader(yaml.SafeLoader):
    """YAML in which ``1e-3`` is a number, as in YAML 1.2, and a key may occur only once."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                found = f"the key {key.value!r} a second time"
                raise yaml.composer.ComposerError(None, None, found, key.start_mark, "once")
            seen.add(str(key.value))
        return node


class _Dumper(yaml.SafeDumper):
    """Quotes the text that ``Loader`` would take for a number."""


for _dialect in (Loader, _Dumper):
    _dialect.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def parse(data: object, kind: type[T], where: object) -> T:
    """Converts ``data`` (plain dicts, lists, numbers) to a ``kind``; raises :class:`InputError`.

    It converts no types: ``true`` and ``"3"`` are not numbers, ``3.0`` is not a whole number.
    """
    try:
        text = json.dumps(data, default=_plain_value)
    except (TypeError, ValueError, RecursionError) as error:
        found = f"a value that is not plain ({error})"
        raise InputError(where, "", found, "text, numbers, lists, keys and values") from None
    try:
        checked: T = _adapter(typing.cast(Any, kind)).validate_json(text, strict=True)
    except ValidationError as error:
        raise _explain(error, kind, where) from None
    return checked


def _plain_value(value: object) -> object:
    """Numbers and arrays of NumPy and torch as plain ones, all else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _explain(error: ValidationError, kind: Any, where: object) -> InputError:
    """The errors, each once, without those inside of a wrong value. A missing key is often there
    under a wrong name: that error comes first, and the missing one is left out."""
    said = sorted(error.errors(), key=lambda each: each["type"] not in _UNKNOWN_KEY)
    found: dict[str, InputError] = {}
    meant: set[str] = set()
    for each in said:
        parts = [part for part in each["loc"] if part != "[key]"]
        key = ".".join(map(str, parts))
        if each["type"] in _UNKNOWN_KEY:
            names = _keys_at(kind, parts[:-1])
            meant.update(".".join(map(str, (*parts[:-1], near))) for near in _near(parts, names))
        elif each["type"] in _MISSING and key in meant:
            continue
        if not any(key == known or key.startswith(f"{known}.") for known in found):
            found[key] = _one_error(each, key, kind, where)
    return all_of(list(found.values()))


def _near(parts: Sequence[str | int], names: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(str(parts[-1]).lower(), names, n=1, cutoff=0.5)


def _one_error(each: ErrorDetails, key: str, kind: Any, where: object) -> InputError:
    parts, found = [part for part in each["loc"] if part != "[key]"], each["input"]
    if each["type"] in _UNKNOWN_KEY:
        names = _keys_at(kind, parts[:-1])
        allowed = choice(str(parts[-1]), names) if names else "only the keys of its schema"
        return InputError(where, key, f"an unknown key with value {shown(found)}", allowed)
    if each["type"] in _MISSING:
        return InputError(where, key, "nothing", "a value (this key is required)")
    allowed = _ALLOWED.get(each["type"], each["msg"][:1].lower() + each["msg"][1:])
    bounds = each.get("ctx", {})
    whole = all(isinstance(bound, int) for bound in bounds.values())
    number = "a whole number" if whole else "a number"
    return InputError(where, key, shown(found), allowed.format(number=number, **bounds))


def _keys_at(kind: Any, parts: Sequence[str | int]) -> list[str]:
    """The keys of the dataclass at ``parts`` inside ``kind``."""
    for part in parts:
        kind = _without_none(kind)
        if dataclasses.is_dataclass(kind):
            kind = typing.get_type_hints(kind)[str(part)]
        else:
            arguments = typing.get_args(kind)
            kind = arguments[-1] if typing.get_origin(kind) is dict else arguments[0]
    kind = _without_none(kind)
    return (
        [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    )


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return kind
    return next(inner for inner in typing.get_args(kind) if inner is not type(None))


def shown(value: object) -> str:
    """``value`` for a message, cut if it is long."""
    if value is None or isinstance(value, bool):
        text = json.dumps(value)
    else:
        text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def read_text(path: Path, what: str) -> str:
    """The text of ``path``; a missing or unreadable file is an :class:`InputError`."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(path, "", "no such file", f"an existing {what}") from None
    except IsADirectoryError:
        raise InputError(path, "", "a folder", f"a {what}") from None
    except UnicodeDecodeError:
        raise InputError(path, "", "bytes that are not UTF-8 text", f"a {what}") from None
    except OSError as error:
        raise InputError(path, "", error.strerror, f"a readable {what}") from None
    except ValueError as error:
        raise InputError(repr(str(path)), "", error, f"the path of a {what}") from None


def load_yaml(path: Path, what: str) -> object:
    """The plain data of a YAML file; a key that occurs twice is an error."""
    text = read_text(path, what)
    allowed = f"a {what} in YAML"
    try:
        return yaml.load(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else ""
        if error.note == "once":
            raise InputError(path, line, error.problem, "every key once") from None
        said = ", ".join(filter(None, (error.context, error.problem)))
        raise InputError(path, line, f"text that is not YAML ({said})", allowed) from None
    except yaml.reader.ReaderError as error:
        line = f"line {text.count(chr(10), 0, error.position) + 1}"
        raise InputError(path, line, f"the character {chr(error.character)!r}", allowed) from None
    except (ValueError, RecursionError, KeyError, AttributeError, TypeError) as error:
        raise InputError(path, "", f"a value that cannot be read ({error})", allowed) from None


def load_json(path: Path, what: str) -> object:
    """The plain data of a JSON file; a key that occurs twice, NaN and Infinity are errors."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        known: dict[str, Any] = {}
        for key, value in pairs:
            if key in known:
                raise InputError(path, "", f"the key {key!r} a second time", "every key once")
            known[key] = value
        return known

    def not_finite(name: str) -> NoReturn:
        raise InputError(path, "", name, "finite numbers and null")

    text = read_text(path, what)
    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=not_finite)
    except json.JSONDecodeError as error:
        message = f"{error.msg} (the file may be truncated)"
        raise InputError(path, f"line {error.lineno}", message, f"a {what} in JSON") from None
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        found = f"a value that cannot be read ({error})"
        raise InputError(path, "", found, f"a {what} in JSON") from None


def check_checksum(path: Path, content: object, checksum: object, remedy: str) -> None:
    """Raises :class:`InputError` unless ``checksum``, read from the file at ``path``, is the
    :func:`content_hash` of ``content``."""
    if content_hash(content) != checksum:
        found = "nothing" if checksum is None else "one that its files do not have"
        raise InputError(path, "checksum", found, f"files as they were written: {remedy}")


def plain(value: object) -> Any:
    """Converts a (nested) dataclass to dicts, lists and numbers, ready for JSON or YAML."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str | Path):
        text = str(value)  # a lone surrogate (of a file's name) is in no encoding
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
    return value


def write_text(path: Path, text: str) -> None:
    """Writes all or nothing: to a temporary file in the same folder, which is then renamed; but
    directly to what is no file (``/dev/stdout``). An OSError names ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_special = path.exists() and not path.is_file()
    temporary = path if is_special else path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        if not is_special:
            temporary.replace(path)
    except BaseException as error:
        if not is_special:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = str(path)
        raise


def write_json(path: Path, value: object) -> None:
    """Writes ``value`` as JSON, non-finite numbers as null, all or nothing."""
    write_text(path, json.dumps(plain(value), indent=1, allow_nan=False) + "\n")


def write_yaml(path: Path, value: object) -> None:
    """Writes ``value`` as YAML in the order of its fields, all or nothing."""
    write_text(path, yaml.dump(plain(value), Dumper=_Dumper, sort_keys=False, width=100))


def content_hash(value: object, length: int = 16) -> str:
    """A fixed hash of plain data, the same in every process and on every machine."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()[:length]
