"""Others' events → documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.accounts import Client
from contracts.event import Event
from contracts.intelligence import RED, Finding, RestrictedFinding, Source
from contracts.proposals import Proposal, RestrictedProposal
from services.search import commands, projections
from services.search.projections import Facts
from shared.inbox import Fold
from shared.uow import UnitOfWork


def _keeping(facts_of: Callable[[Any], Facts]) -> Callable[[UnitOfWork, Event, Any], None]:
    return lambda uow, event, shape: commands.keep(uow, event, facts_of(shape))


_keep_finding = _keeping(projections.of_finding)


def _keep_unless_red(uow: UnitOfWork, event: Event, shape: Finding) -> None:
    # What a TLP:RED finding says comes as a RestrictedFinding.
    if shape.label != RED:
        _keep_finding(uow, event, shape)


_keep_proposal = _keeping(projections.of_proposal)


def _keep_proposal_unless_red(uow: UnitOfWork, event: Event, shape: Proposal) -> None:
    # What a TLP:RED proposal says comes as a RestrictedProposal, perhaps later: it may have been open before.
    if shape.label != RED:
        _keep_proposal(uow, event, shape)
    else:
        commands.withhold(uow, event, projections.PROPOSAL)


handlers = (
    Fold(Client, _keeping(projections.of_client), commands.drop),
    Fold(Source, _keeping(projections.of_source), commands.drop),
    Fold(Finding, _keep_unless_red, commands.drop),
    Fold(RestrictedFinding, _keep_finding, commands.drop),
    Fold(Proposal, _keep_proposal_unless_red, commands.drop),
    Fold(RestrictedProposal, _keep_proposal, commands.drop),
)
