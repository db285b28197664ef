"""Writes what services promise: the snapshot of shapes, the AsyncAPI and the OpenAPI documents.

`python -m deploy.describe` writes them; with `--check` it fails where a file is out of date, or where a shape
lost or changed a field, lost a happening, or has a field without a default: shapes may only grow.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
import sys
import tempfile
import types
import typing
from pathlib import Path
from typing import Any

import contracts
from contracts.event import HAPPENINGS, SHAPES, Event
from shared.config import Settings
from shared.service import Runtime, discover

FOLDER = Path(contracts.__file__).parent
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def snapshot() -> dict[str, Any]:
    """Every shape with its topic, fields and happenings."""
    return {
        name: {
            "topic": shape.TOPIC,
            "fields": {f.name: _schema(hints[f.name]) for f in dataclasses.fields(typing.cast(Any, shape))},
            "happenings": {h.name: h.meaning for h in HAPPENINGS.values() if h.shape is shape},
        }
        for name, shape in sorted(SHAPES.items())
        for hints in [typing.get_type_hints(shape)]
    }


def asyncapi() -> dict[str, Any]:
    """The topics and their messages as an AsyncAPI 3.0 document."""
    topics = sorted({shape.TOPIC for shape in SHAPES.values()})
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "ACM events", "version": "1"},
        "defaultContentType": "application/json",
        "channels": {
            _id(topic): {
                "address": topic,
                "messages": {
                    _id(h.type): {"$ref": f"#/components/messages/{_id(h.type)}"}
                    for h in HAPPENINGS.values()
                    if topic == h.shape.TOPIC
                },
            }
            for topic in topics
        },
        "operations": {
            f"publish_{_id(topic)}": {"action": "send", "channel": {"$ref": f"#/channels/{_id(topic)}"}}
            for topic in topics
        },
        "components": {
            "messages": {
                _id(h.type): {
                    "name": h.type,
                    "summary": h.meaning,
                    "payload": {
                        "allOf": [
                            {"$ref": "#/components/schemas/Event"},
                            {
                                "type": "object",
                                "properties": {"state": {"$ref": f"#/components/schemas/{h.shape.__name__}"}},
                            },
                        ]
                    },
                }
                for h in HAPPENINGS.values()
            },
            "schemas": {"Event": _object(Event)}
            | {shape.__name__: _object(shape) for shape in SHAPES.values()},
        },
    }


def openapi() -> dict[str, dict[str, Any]]:
    """The OpenAPI document of each service that has an API."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), secret="for describing only")
        found = {}
        for name, service in discover().items():
            app = Runtime(service, settings).web()
            found[name] = app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
        return found


def broken(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What `after` takes away from `before`: each one a promise that some consumer relies on."""
    found = []
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            found.append(f"the shape {name} is gone")
            continue
        if new["topic"] != old["topic"]:
            found.append(f"{name} moved from the topic {old['topic']} to {new['topic']}")
        for part in ("fields", "happenings"):
            found += [f"{name} lost {part[:-1]} {gone}" for gone in old[part].keys() - new[part].keys()]
        found += [
            f"{name}.{field} changed its type"
            for field, kind in old["fields"].items()
            if new["fields"].get(field, kind) != kind
        ]
    return found


def without_default() -> list[str]:
    """Fields but `id` that an older producer's event would lack."""
    return [
        f"{shape.NAME}.{f.name} has no default"
        for shape in SHAPES.values()
        for f in dataclasses.fields(typing.cast(Any, shape))
        if f.name != "id" and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]


def main(check: bool) -> int:
    """Write the files, or check them; answers the exit status."""
    for module in pkgutil.iter_modules(contracts.__path__):
        importlib.import_module(f"contracts.{module.name}")
    files = {"snapshot.json": snapshot(), "asyncapi.json": asyncapi()}
    files |= {f"openapi/{name}.json": document for name, document in openapi().items()}
    kept = FOLDER / "snapshot.json"
    problems = without_default()
    if kept.exists():
        problems += broken(json.loads(kept.read_text()), snapshot())
    for name, document in files.items():
        path, text = FOLDER / name, json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            problems.append(f"contracts/{name} is out of date: make describe")
    for problem in problems:
        print(f"contracts: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _object(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {
        "type": "object",
        "description": (cls.__doc__ or "").strip(),
        "properties": {f.name: _schema(hints[f.name]) for f in dataclasses.fields(cls)},
    }


def _schema(hint: Any) -> dict[str, Any]:
    if hint in _TYPES:
        return {"type": _TYPES[hint]}
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return {"type": [_TYPES.get(part, "object") for part in inner]}
    if origin is list:
        return {"type": "array", "items": _schema(inner[0])}
    if origin is dict or hint is Any:
        return {"type": "object"} if origin is dict else {}
    raise TypeError(f"{hint} is no JSON value")


def _id(name: str) -> str:
    return name.replace(".", "_")


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
