"""docker-compose.yml as the tests read it: with its variables filled in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from deploy import secrets

ROOT = Path(__file__).resolve().parents[2]
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


def dot_env() -> dict[str, str]:
    """A filled .env."""
    lines = [line for line in secrets.filled().splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def read(variables: dict[str, str]) -> dict[str, Any]:
    """The file as Compose sees it with these variables. Raises LookupError for a missing one."""
    return _filled(yaml.safe_load((ROOT / "docker-compose.yml").read_text()), variables)


def _filled(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, variables) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, variables) for inner in value]
    return _VARIABLE.sub(lambda m: _one(m, variables), value) if isinstance(value, str) else value


def _one(match: re.Match[str], variables: dict[str, str]) -> str:
    name, kind, text = match.groups()
    if name is None:
        return "$"
    if variables.get(name):
        return variables[name]
    if kind == "-":
        return str(text)
    raise LookupError(f"{name}: {text or 'not set'}")
