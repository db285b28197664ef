"""Through whose eyes a command looks."""

from __future__ import annotations

from shared.access import Scope
from shared.uow import SYSTEM, UnitOfWork


def scope_of(uow: UnitOfWork) -> Scope:
    """What whoever acts may see; the system itself sees everything."""
    return uow.actor.scope if uow.actor else Scope(SYSTEM, everything=True, directory=True)
