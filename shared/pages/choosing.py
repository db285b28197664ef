"""Choosing one of very many: what a select offers at first, and what typing part of a name narrows it to."""

from __future__ import annotations

import heapq

from contracts.accounts import Client
from shared import access

FIRST = 100
"""So many are offered; whoever wants another one types part of its name."""


def client_options(
    who: access.Actor, *, q: str = "", chosen: str = "", cleared: bool
) -> list[tuple[str, str]]:
    """Clients to choose among: the chosen one, the reader's own, then the others by name, FIRST at most.

    They are those that the reader lists or, `cleared`, those whose content they read.
    """
    may = who.scope.clears if cleared else who.scope.lists
    mine = {seat.client_id for seat in who.book.seats(who.id, who.now)}
    named = q.casefold()

    def fits(client: Client) -> bool:
        names = (client.name, client.english_name, *client.aliases)
        return client.id == chosen or any(named in name.casefold() for name in names)

    found = (one for one in who.book.clients.values() if may(one.id) and (not named or fits(one)))
    first = heapq.nsmallest(FIRST, found, key=lambda one: (one.id != chosen, one.id not in mine, one.name))
    return [(one.id, f"{one.name} · {one.english_name}" if one.english_name else one.name) for one in first]
