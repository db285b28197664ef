"""Every write of accounts. Whoever acts is asked for here (`uow.require`), whatever the way in (P3).

`fields` says what may be said of each thing; API and pages read what they were sent with it.
"""

from __future__ import annotations

from services.accounts.commands.clients import (
    add_contact,
    change_client,
    change_contact,
    create_client,
    remove_contact,
)
from services.accounts.commands.people import FIRST, add_person, change_person, found_agency, leave
from services.accounts.commands.teams import assign, change_assignment, end_assignment
from services.accounts.commands.walls import change_wall, lift_wall, raise_wall

__all__ = [
    "FIRST",
    "add_contact",
    "add_person",
    "assign",
    "change_assignment",
    "change_client",
    "change_contact",
    "change_person",
    "change_wall",
    "create_client",
    "end_assignment",
    "found_agency",
    "leave",
    "lift_wall",
    "raise_wall",
    "remove_contact",
]
