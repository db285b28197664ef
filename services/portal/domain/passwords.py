"""What a password must be (ASVS 5.0, 6.2): long, uncommon, and not made of who it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

SHORTEST, LONGEST = 12, 128
_EDGES = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_OWN_SHORTEST = 4


def password_fault(password: str, own_words: Iterable[str] = ()) -> str:
    """Why a password cannot be taken: `short`, `long`, `common`, `own`; empty when it can.

    Nothing else is asked of it: no digits, capitals or signs. It is compared, never changed or cut.
    """
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    if _common(password.casefold()):
        return "common"
    if any(word in password.casefold() for word in _words(own_words)):
        return "own"
    return ""


def _words(own_words: Iterable[str]) -> set[str]:
    """Names of a person or of the product, and the parts of a username; too short ones say nothing."""
    found = {part for word in own_words for part in (word.casefold(), "".join(word.casefold().split()))}
    return {word for word in found if len(word) >= (_OWN_SHORTEST if word.isascii() else 2)}


def _common(password: str) -> bool:
    """Whether it is a common password, one dressed up with digits and signs, two of them, or a repetition."""
    common = _common_passwords()
    core = _EDGES.sub("", password)
    if password in common or core in common or len(core) < _OWN_SHORTEST:
        return True
    if re.fullmatch(r"(.{1,6}?)\1+", password):
        return True
    return any(core[:cut] in common and core[cut:] in common for cut in range(_OWN_SHORTEST, len(core)))


@lru_cache(maxsize=1)
def _common_passwords() -> frozenset[str]:
    """The list that ships with the product; README.md tells where it is from."""
    return frozenset((files(__package__) / "common_passwords.txt").read_text("utf-8").splitlines())
