"""Finds the line of a key in a YAML file, for error messages."""

from __future__ import annotations

from pathlib import Path

import yaml

from rmixer.errors import InputError, all_of, each_error
from rmixer.files.typed_files import Loader


def with_lines(error: InputError, path: Path) -> InputError:
    """Adds to each part of ``error`` its line in the YAML file at ``path``, which was read before,
    and sorts them by line. A missing key gets the line of the mapping that lacks it."""
    here = [
        each
        for each in each_error(error)
        if each.where == str(path) and each.key and not each.key.startswith("line ")
    ]
    root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=Loader) if here else None
    for each in here:
        each.line = _line(root, each.key.split("."))
    return all_of(sorted(each_error(error), key=lambda each: each.line or 0))


def _line(node: yaml.Node | None, parts: list[str]) -> int | None:
    """The line, from 1, of the node at ``parts``, or of the deepest one on the way there."""
    line = None
    for part in parts:
        mark, node = _inside(node, part)
        if mark is None:
            break
        line = mark.line + 1
    return line


def _inside(node: yaml.Node | None, part: str) -> tuple[yaml.Mark | None, yaml.Node | None]:
    """The start of ``part`` of ``node``, and its value. A mapping includes those merged into it."""
    if isinstance(node, yaml.SequenceNode):
        if part.isdigit() and int(part) < len(node.value):
            item = node.value[int(part)]
            return item.start_mark, item
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark, value
        for key, value in node.value:
            if key.value == "<<":
                merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
                found = [_inside(each, part) for each in merged]
                return next((each for each in found if each[0] is not None), (None, None))
    return None, None
