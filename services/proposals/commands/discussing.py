"""Comments on proposals, and the people whom they mention."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.proposals import ProposalCommented
from services.proposals import store
from services.proposals.commands.writing import UNKNOWN_PERSON
from shared import access
from shared.db import new_id
from shared.problem import conflict, invalid
from shared.uow import UnitOfWork


def comment(
    uow: UnitOfWork,
    row: store.Proposal,
    *,
    body: str,
    section_id: str | None = None,
    mentions: Sequence[str] = (),
) -> store.Comment:
    """Comment on a proposal or a section of it. Only who may read the proposal can be mentioned."""
    uow.require("proposal.discuss", row.subject())
    if section_id is not None:
        store.section(row, section_id)
    errors = {
        f"mentions.{place}": UNKNOWN_PERSON
        for place, person_id in enumerate(mentions)
        if not _may_read(uow, row, person_id)
    }
    if errors:
        raise invalid(errors)
    made = store.Comment(
        id=new_id(),
        proposal_id=row.id,
        section_id=section_id,
        author_id=uow.actor_id,
        body=body,
        at=uow.now,
        resolved_at=None,
        resolved_by=None,
    )
    made.mentioned = [store.Mention(comment_id=made.id, person_id=one) for one in dict.fromkeys(mentions)]
    uow.session.add(made)
    uow.emit(ProposalCommented, row, {"comment_id": made.id, "mentions": made.mentions})
    return made


def _may_read(uow: UnitOfWork, row: store.Proposal, person_id: str) -> bool:
    reader = access.actor(uow.who.book, person_id, uow.now)
    return reader is not None and store.may_read(reader, row)


def resolve_comment(uow: UnitOfWork, row: store.Proposal, found: store.Comment) -> store.Comment:
    """Say that a comment is dealt with: nobody is reminded of it any more."""
    uow.require("proposal.discuss", row.subject())
    if found.resolved_at is not None:
        raise conflict("This comment is dealt with already.", "wrong-state")
    found.resolved_at, found.resolved_by = uow.now, uow.actor_id
    uow.emit(ProposalCommented, row, {"comment_id": found.id, "resolved": True})
    return found
