"""What a scope may see, as a condition of the query: never as a sieve over its results."""

from __future__ import annotations

from shared.access import CLEAR, GREEN, RED, Scope
from shared.search.port import NO_CLIENT, AllOf, AnyOf, Condition, Is, Not

_ALIVE = Is("alive", ("yes",))


def visible(scope: Scope) -> Condition:
    """The documents that the scope may see: `Scope.reads`, or `Scope.lists` for the public records of
    clients."""
    ways = [_named(scope), _of_clients(scope), _openly(scope), _of_none(scope), _listing(scope)]
    condition: list[Condition] = [_ALIVE, AnyOf(tuple(way for way in ways if way is not None))]
    if scope.hidden:
        condition.append(Not(_clients(scope.hidden)))
    return AllOf(tuple(condition))


def _clients(ids: frozenset[str]) -> Condition:
    return Is("client", tuple(sorted(ids)))


def _named(scope: Scope) -> Condition | None:
    if not scope.person_id:
        return None
    named = Is("recipient", (scope.person_id,))
    return named if scope.red else AllOf((named, Not(Is("label", (RED,)))))


def _of_clients(scope: Scope) -> Condition | None:
    if scope.everything:
        return AllOf((_ALIVE, Not(Is("label", (RED,))), Not(Is("client", (NO_CLIENT,)))))
    if scope.cleared:
        return AllOf((_clients(scope.cleared), Not(Is("label", (RED,)))))
    return None


def _openly(scope: Scope) -> Condition | None:
    if not scope.colleague:
        return None
    not_open = Is("client", (NO_CLIENT, *sorted(scope.shy)))
    return AllOf((Is("label", (CLEAR, GREEN)), Not(not_open)))


def _of_none(scope: Scope) -> Condition | None:
    if not scope.market:
        return None
    return AllOf((Is("client", (NO_CLIENT,)), Not(Is("label", (RED,)))))


def _listing(scope: Scope) -> Condition | None:
    listing = Is("listing", ("yes",))
    if scope.everything:
        return listing
    if scope.directory:
        return AllOf((listing, Not(_clients(scope.shy)))) if scope.shy else listing
    return AllOf((listing, _clients(scope.cleared))) if scope.cleared else None
