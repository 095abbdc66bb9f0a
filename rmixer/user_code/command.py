"""A command job's program: an existing training program, examined without running it."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from rmixer.errors import InputError
from rmixer.files.typed_files import content_hash
from rmixer.user_code.installed import console_script, installed_module, is_file
from rmixer.user_code.interpreter import Interpreter, find_interpreter
from rmixer.user_code.sources import follow, is_module, module_file, parsed

_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_FORM = (
    "'python program.py ...' or 'python -m module ...', or a console script of that Python, like "
    "torchrun"
)
_TORCHRUN, _ACCELERATE = "torch.distributed.run", "accelerate.commands.launch"
_LAUNCHERS = (_TORCHRUN, _ACCELERATE)
"""Modules that start the program given to them; their own options come before it."""
_SHORT_FORMS = {("torchrun",): _TORCHRUN, ("accelerate", "launch"): _ACCELERATE}
_WITH_VALUE, _BLINDING = "WX", "EIS"
_MAIN = "__main__"
_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_FOR_A_SHELL = re.compile(r"[|&;<>]+")


@dataclass(frozen=True)
class Command:
    """``line`` is the command in the workload. It runs as the interpreter ``python`` (of
    ``python_version``, with torch ``torch_version``) with ``arguments`` in ``folder``. ``source``
    is a hash of the program and of the modules in its folder that it imports. ``gpus`` is how many
    it may see."""

    line: str
    arguments: tuple[str, ...]
    folder: str
    python: str
    python_version: str
    torch_version: str
    source: str
    gpus: int = 0


def find_command(
    line: str, python: str | None, gpus: int, folder: Path, where: object, key: str
) -> tuple[str, Command]:
    """A short name for the program of ``line``, and the facts about it. Paths count from
    ``folder``, in which the interpreter ``python`` (None: this one) runs it.

    ``torchrun ...`` and ``accelerate launch ...`` run as modules of that interpreter; the program
    is the one that they start. The same holds for other installed modules and console scripts of
    that interpreter if they are given a program in ``folder``; else they are the program.

    Raises :class:`InputError` (for ``where`` and keys that begin with ``key``) if the program or
    the interpreter is missing, if its steps could not be counted, or if it is not Python.
    """
    return _found(line, python, gpus, folder, (where, key, f"{key}command"))


def find_resuming(command: Command, line: str, where: object, key: str) -> Command:
    """The command that resumes ``command``, from its command ``line``, in the same folder by the
    same interpreter. Raises as :func:`find_command`, for the key ``resume``."""
    folder = Path(command.folder)
    place = (where, key, f"{key}resume")
    return _found(line, command.python, command.gpus, folder, place)[1]


def _found(
    line: str, python: str | None, gpus: int, folder: Path, at: tuple[object, str, str]
) -> tuple[str, Command]:
    where, key, place = at
    words = _words(line, where, place)
    for short, module_name in _SHORT_FORMS.items():
        if tuple(words[: len(short)]) == short:
            words = ["python", "-m", module_name, *words[len(short) :]]
    interpreter: Interpreter | None = None
    if words and not _PYTHON.fullmatch(words[0]):
        interpreter = find_interpreter(python, folder, where, f"{key}python")
        script = console_script(interpreter.path, words[0])
        words = ["python", str(script), *words[1:]] if script else []
    if not words:
        allowed = f"{_FORM}; which Python is said by the key 'python'"
        raise InputError(where, place, repr(line), allowed)
    module, name, given = _target(words[1:], line, where, place)
    launches = module and name in _LAUNCHERS
    if launches:
        module, name = _launched(given, folder) or _nothing_to_launch(given, folder, line, at)
    if interpreter is None:
        interpreter = find_interpreter(python, folder, where, f"{key}python")
    of_others = None if launches else _of_environment(interpreter, module, name, folder)
    if of_others is not None and (started := _launched(given, folder)):
        (module, name), of_others = started, None
    if of_others is None:
        program, root, known_as = _find(module, name, folder, where, place)
    else:
        program, root, known_as = of_others, of_others.parent, name
    try:
        source = _source_hash(known_as, program, root) if of_others is None else _own_hash(program)
    except SyntaxError as error:
        found = f"{error.filename or program}, line {error.lineno}: {error.msg}"
        raise InputError(where, place, found, "a program that Python can read") from None
    if not interpreter.has_torch and module_file("torch", root) is None and _needs_torch(program):
        found = f"{interpreter.path}, which has no torch"
        allowed = f"a Python with the torch that {name} imports, like env/bin/python"
        raise InputError(where, f"{key}python", found, allowed)
    command = Command(
        line=line,
        arguments=tuple(words[1:]),
        folder=str(folder.resolve()),
        python=interpreter.path,
        python_version=interpreter.version,
        torch_version=interpreter.torch,
        source=source,
        gpus=gpus,
    )
    return _short(name if module else Path(name).name), command


def _words(line: str, where: object, key: str) -> list[str]:
    """The words of ``line``, split as a shell does; no shell runs it."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        message = str(error).lower()
        raise InputError(where, key, f"{line!r} ({message})", "words as a shell has them") from None
    if "\0" in line:
        raise InputError(where, key, repr(line), "words without a null character")
    if for_a_shell := _FOR_A_SHELL.search(_QUOTED.sub("", line)):
        allowed = f"one program, and no {for_a_shell[0]!r}, for no shell sees it (else quote it)"
        raise InputError(where, key, repr(line), allowed)
    return words


def _of_environment(interpreter: Interpreter, module: bool, name: str, folder: Path) -> Path | None:
    """The file of an installed module or a console script, if it is one; a file in ``folder`` comes
    first."""
    if not module:
        path = Path(name)
        return path if path == console_script(interpreter.path, path.name) else None
    if not is_module(name) or module_file(name, folder) is not None:
        return None
    return installed_module(interpreter.path, name)


def _own_hash(program: Path) -> str:
    """A hash of a file of an environment. Other packages count by their versions only."""
    return content_hash([program.name, program.read_bytes().hex()])


def _target(
    words: Sequence[str], line: str, where: object, key: str
) -> tuple[bool, str, Sequence[str]]:
    """True if the interpreter runs a module rather than a file, its name, and its arguments."""
    rest = list(words)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        for at, letter in enumerate(option[1:], start=2):
            if letter in _BLINDING:
                allowed = f"no -{letter}: with it Python does not look at what counts the steps"
                raise InputError(where, key, repr(line), allowed)
            if letter in "c-":
                raise InputError(where, key, repr(line), _FORM)
            if letter in f"m{_WITH_VALUE}":
                value = option[at:] or (rest.pop(0) if rest else "")
                if letter == "m":
                    return True, value, rest
                break
    return False, rest[0] if rest else "", rest[1:]


def _launched(words: Sequence[str], folder: Path) -> tuple[bool, str] | None:
    """The same for the program that a launcher starts: the first of its ``words`` that is a program
    in ``folder`` or, if it should start a module, the first that is a module there."""
    module = False
    for word in words:
        if word in ("-m", "--module"):
            module = True
        elif module and word.replace(".", "").isidentifier() and module_file(word, folder):
            return True, word
        elif not module and word.endswith(".py") and is_file(folder / word):
            return False, word
    return None


def _nothing_to_launch(
    words: Sequence[str], folder: Path, line: str, at: tuple[object, str, str]
) -> NoReturn:
    where, _, place = at
    module = any(word in ("-m", "--module") for word in words)
    kind = "module" if module else "program, like train.py,"
    allowed = f"a {kind} in {folder.resolve()} for it to start"
    raise InputError(where, place, repr(line), allowed)


def _find(module: bool, name: str, folder: Path, where: object, key: str) -> tuple[Path, Path, str]:
    """The program's file, the folder that Python will put first on its path, and the module's name
    there."""
    path: Path | None
    if module:
        path = module_file(name, folder) if is_module(name) else None
        root, known_as = folder, name
        if path is not None and path.name == "__init__.py":
            known_as = f"{name}.{_MAIN}"
            path = module_file(known_as, folder)
    else:
        path = (folder / name).resolve()  # Python looks beside the file that a link leads to
        root, known_as = path.parent, _MAIN
    if path is None or not is_file(path):
        what = f"module {name!r}" if module else f"program {name!r}"
        allowed = f"a {'module' if module else 'program'} in {folder.resolve()}"
        raise InputError(where, key, f"no {what}", allowed)
    return path, root, known_as


def _source_hash(name: str, program: Path, root: Path) -> str:
    """A hash of the names under ``root`` and the contents of ``program`` and of the modules there
    that it imports, at any depth. On its path they come before installed ones."""

    def local(module: str) -> Path | None:
        return program if module == name else module_file(module, root)

    files = follow((name,), local)
    return content_hash([[str(path.relative_to(root)), path.read_bytes().hex()] for path in files])


def _needs_torch(program: Path) -> bool:
    """True if it always imports torch: outside of any function, ``try`` or ``if``."""
    imported: list[str | None] = []
    for node in parsed(program).body:
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.append(node.module)
    return any((name or "").partition(".")[0] == "torch" for name in imported)


def _short(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).lstrip("-_.")[:60] or "program"
