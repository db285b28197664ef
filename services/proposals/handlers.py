"""Others' events → commands: what intelligence says of a finding reaches whoever cites it."""

from __future__ import annotations

from contracts.event import Event
from contracts.intelligence import Finding, FindingDisputed, FindingRetracted, FindingSuperseded
from services.proposals import commands, projections
from shared.inbox import Fold, Reaction
from shared.uow import UnitOfWork


def _keep_finding(uow: UnitOfWork, _event: Event, finding: Finding) -> None:
    commands.keep_finding(uow, projections.of_finding(finding))


def _drop_finding(uow: UnitOfWork, _marker: Event, key: str) -> None:
    commands.drop_finding(uow, key)


def _warn_citing_proposals(uow: UnitOfWork, _event: Event, finding: Finding) -> None:
    commands.warn_citing_proposals(uow, finding_id=finding.id, reason=finding.state)


handlers = (
    Fold(Finding, _keep_finding, _drop_finding),
    Reaction(FindingDisputed, _warn_citing_proposals),
    Reaction(FindingRetracted, _warn_citing_proposals),
    Reaction(FindingSuperseded, _warn_citing_proposals),
)
