"""`python -m tests.engines start|stop|status|env|kill|pause|resume [ENGINE] --data DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests import engines

VERBS = ("start", "stop", "status", "env", "kill", "pause", "resume")


def main() -> int:
    """Do what the command line says; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines")
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("engine", nargs="?", choices=list(engines.RECIPES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--purge", action="store_true", help="with stop: remove the data too")
    chosen = parser.parse_args()
    try:
        names = [chosen.engine] if chosen.engine else list(engines.RECIPES)
        return max([_do(chosen.verb, name, chosen.data / name, purge=chosen.purge) for name in names])
    except engines.EngineError as error:
        print(f"engines: {error}", file=sys.stderr)
        return 1


def _do(verb: str, name: str, data: Path, *, purge: bool) -> int:
    one = engines.engine(name, data)
    if verb == "status":
        state = one.status()
        print(f"{name}: {state}")
        return 0 if state == "running" else 1
    if verb == "stop":
        one.stop(purge=purge)
    elif verb != "env":
        getattr(one, verb)()
    if verb in ("start", "env"):
        print(f"export {one.variable}={one.address}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
