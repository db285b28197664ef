"""Which messages lack their Chinese: for tests, and as stubs for translators.

`python -m shared.pages services/accounts` prints what is missing, ready to be appended to the catalogue.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from shared.pages.language import SHARED_LOCALE, po_file

KEYWORDS = {"_": None, "gettext": None, "lazy_gettext": None, "N_": None, "ngettext": (1, 2)}
# Refusals carry plain English messages, translated where they are answered: which arguments those are.
REFUSALS = {
    "Problem": ((2, "title"), (3, "detail"), (4, "errors")),
    "invalid": ((0, "errors"),),
    "missing": ((0, "what"),),
    "forbidden": ((0, "detail"),),
    "conflict": ((0, "detail"),),
    "ValidationError": ((0, "message"),),
}
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]")
Message = str | tuple[str, ...]


def messages_of(folder: Path) -> dict[Message, str]:
    """Every message in the code and templates below a folder, with where it stands."""
    found: dict[Message, str] = {}
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.html")]):
        if "migrations" in path.parts:
            continue
        for line, message in [*_marked(path), *_refusals(path)]:
            found.setdefault(message, f"{path.relative_to(folder)}:{line}")
    return found


def missing_translations(folder: Path) -> list[str]:
    """What stands below a service's folder without Chinese, or with other placeholders in it."""
    catalogues = [_catalogue(folder / "locale"), _catalogue(SHARED_LOCALE)]
    faults = []
    for message, place in messages_of(folder).items():
        english = message if isinstance(message, str) else message[0]
        entry = next((one for one in (c.get(english) for c in catalogues) if one and one.string), None)
        chinese = "" if entry is None or entry.fuzzy else entry.string
        texts = [chinese] if isinstance(chinese, str) else list(chinese or [""])
        if not all(texts):
            faults.append(f"{place}: {english!r} has no Chinese")
        elif any(set(_PLACEHOLDER.findall(text)) - set(_PLACEHOLDER.findall(str(message))) for text in texts):
            faults.append(f"{place}: {english!r} has other placeholders in Chinese")
        elif any("%" in _PLACEHOLDER.sub("", text.replace("%%", "")) for text in texts):
            faults.append(f"{place}: {english!r} has a single % in Chinese; write %%")
    return faults


def _catalogue(locale: Path) -> Catalog:
    if not po_file(locale).exists():
        return Catalog("zh")
    with po_file(locale).open("rb") as source:
        return read_po(source, locale="zh", abort_invalid=True)


def _marked(path: Path) -> Iterator[tuple[int, Message]]:
    method = "jinja2.ext:babel_extract" if path.suffix == ".html" else "python"
    options = {"trimmed": "true", "silent": "false"} if path.suffix == ".html" else {}
    for line, message, _comments, _context in extract_from_file(method, path, KEYWORDS, (), options):
        if message:
            yield line, message


def _refusals(path: Path) -> Iterator[tuple[int, Message]]:
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            for position, keyword in REFUSALS.get(_name(node.func), ()):
                yield from _texts(_argument(node, position, keyword))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _argument(call: ast.Call, position: int, keyword: str) -> ast.expr | None:
    named = next((given.value for given in call.keywords if given.arg == keyword), None)
    return call.args[position] if len(call.args) > position else named


def _texts(node: ast.expr | None) -> Iterator[tuple[int, Message]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.lineno, node.value
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _texts(value)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def print_stubs(folder: Path) -> None:
    """Print entries for what lacks Chinese, without a header."""
    stubs = Catalog("zh")
    known = [_catalogue(folder / "locale"), _catalogue(SHARED_LOCALE)]
    for message, place in messages_of(folder).items():
        english = message if isinstance(message, str) else message[0]
        if not any(entry.get(english) for entry in known):
            name, _colon, line = place.rpartition(":")
            stubs.add(message, locations=[(name, int(line))])
    write_po(sys.stdout.buffer, stubs, omit_header=True, width=0)
