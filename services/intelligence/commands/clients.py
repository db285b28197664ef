"""Whether something may be kept about a client."""

from __future__ import annotations

from shared import access
from shared.pages import N_
from shared.problem import invalid
from shared.uow import UnitOfWork

UNKNOWN = N_("This is unknown.")


def check_client(uow: UnitOfWork, client_id: str | None, action: str) -> None:
    """Refuse a client that the actor may not know of like one that is not there; 403 for one only listed."""
    who = uow.actor
    if who is None:
        return
    if client_id is not None:
        known = client_id in who.book.clients or who.seat(client_id)
        if not known or not who.scope.lists(client_id):
            raise invalid({"client_id": UNKNOWN})
    uow.require(action, access.Subject(client_id=client_id))
