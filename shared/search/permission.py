"""What a scope may see, as a condition of the query: never as a sieve over its results."""

from __future__ import annotations

from shared.access import CLEAR, GREEN, RED, Scope
from shared.search.port import NO_CLIENT, AllOf, AnyOf, Condition, Is, Not

_ALIVE = Is("alive", ("yes",))
_LISTING = Is("listing", ("yes",))
_RED = Is("label", (RED,))


def visible(scope: Scope) -> Condition:
    """The documents that the scope may see: `Scope.reads`, or `Scope.lists` for public records of clients."""
    conditions: list[Condition] = [_ALIVE]
    if scope.everything and scope.market:
        conditions.append(_but_red(scope))
    else:
        ways = (_named(scope), _of_clients(scope), _openly(scope), _of_none(scope), _listing(scope))
        conditions.append(AnyOf(tuple(way for way in ways if way is not None)))
    if scope.hidden:
        conditions.append(Not(_clients(scope.hidden)))
    return AllOf(tuple(conditions))


def _but_red(scope: Scope) -> Condition:
    """For whom only RED is closed: a few are left out, which costs less than to gather all others."""
    open_red = tuple(way for way in (_named(scope), _LISTING) if way is not None)
    return Not(AllOf((_RED, *map(Not, open_red))))


def _clients(ids: frozenset[str]) -> Condition:
    return Is("client", tuple(sorted(ids)))


def _named(scope: Scope) -> Condition | None:
    if not scope.person_id:
        return None
    named = Is("recipient", (scope.person_id,))
    return named if scope.red else AllOf((named, Not(_RED)))


def _of_clients(scope: Scope) -> Condition | None:
    if scope.everything:
        return AllOf((_ALIVE, Not(_RED), Not(Is("client", (NO_CLIENT,)))))
    if scope.cleared:
        return AllOf((_clients(scope.cleared), Not(_RED)))
    return None


def _openly(scope: Scope) -> Condition | None:
    if not scope.colleague:
        return None
    not_open = Is("client", (NO_CLIENT, *sorted(scope.shy)))
    return AllOf((Is("label", (CLEAR, GREEN)), Not(not_open)))


def _of_none(scope: Scope) -> Condition | None:
    if not scope.market:
        return None
    return AllOf((Is("client", (NO_CLIENT,)), Not(_RED)))


def _listing(scope: Scope) -> Condition | None:
    if scope.everything:
        return _LISTING
    if scope.directory:
        shy = scope.shy - scope.cleared
        return AllOf((_LISTING, Not(_clients(shy)))) if shy else _LISTING
    return AllOf((_LISTING, _clients(scope.cleared))) if scope.cleared else None
