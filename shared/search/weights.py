"""What words are worth: document frequencies that ship with the product, so that no index is asked."""

from __future__ import annotations

from functools import cache
from importlib import resources

RARE = 9.0
"""The weight of a word that the table does not hold."""


@cache
def _table() -> dict[str, float]:
    """The weights of words, a line for each weight."""
    table: dict[str, float] = {}
    for line in resources.files(__package__).joinpath("idf.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            weight, words = line.split("\t")
            table.update(dict.fromkeys(words.split(" "), float(weight)))
    return table


def weight_of(token: str) -> float:
    """The weight of a folded word of Han or of a stem."""
    return _table().get(token, RARE)
