"""`python -m tests.engines start|stop|status|env|kill|pause|resume [ENGINE] --data DIR`.

`python -m tests.engines run --data DIR -- COMMAND` starts the engines whose addresses the environment
lacks, runs the command with all three addresses, and stops and removes what it started.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from tests import engines

VERBS = ("start", "stop", "status", "env", "kill", "pause", "resume", "run")


def main() -> int:
    """Do what the command line says; answers the exit status."""
    mine, command = _split(sys.argv[1:])
    parser = argparse.ArgumentParser(prog="python -m tests.engines")
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("engine", nargs="?", choices=list(engines.RECIPES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--purge", action="store_true", help="with stop: remove the data too")
    chosen = parser.parse_args(mine)
    try:
        if chosen.verb == "run":
            return _run(chosen.data, command)
        names = [chosen.engine] if chosen.engine else list(engines.RECIPES)
        return max([_do(chosen.verb, name, chosen.data / name, purge=chosen.purge) for name in names])
    except engines.EngineError as error:
        print(f"engines: {error}", file=sys.stderr)
        return 1


def _run(data: Path, command: list[str]) -> int:
    began = time.monotonic()
    environment, started = engines.environment(data)
    print(f"engines: ready after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    try:
        return subprocess.run(command, env=os.environ | environment).returncode
    finally:
        for one in started:
            one.stop(purge=True)


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


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


if __name__ == "__main__":
    sys.exit(main())
