"""On which line of a YAML file a key stands: for messages about what is wrong there."""

from __future__ import annotations

from pathlib import Path

import yaml

from rmixer.errors import InputError, all_of, each_error
from rmixer.files.typed_files import Loader


def with_lines(error: InputError, path: Path) -> InputError:
    """``error`` with the line of each part that stands in the YAML file at ``path``, which has been
    read before, in the order of lines; of a key that is missing that of what it is missing in."""
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
    """The line, from 1, of what lies at ``parts``, as far as there is such a thing."""
    line = None
    for part in parts:
        mark, node = _inside(node, part)
        if mark is None:
            break
        line = mark.line + 1
    return line


def _inside(node: yaml.Node | None, part: str) -> tuple[yaml.Mark | None, yaml.Node | None]:
    """Where ``part`` of ``node`` begins, and its value; a mapping has what is merged into it."""
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
