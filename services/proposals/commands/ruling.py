"""What directors decide about the rules for approving: from which amount and which discount they ask."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy.exc import IntegrityError

from services.proposals import store
from services.proposals.domain.budget import plain
from shared.problem import Problem, missing
from shared.uow import UnitOfWork

STALE = "Somebody changed this meanwhile; read it again and repeat your change."


def set_threshold(uow: UnitOfWork, *, rule_id: str, value: Decimal) -> store.RuleInForce:
    """Set the amount or discount from which a rule asks. What is under review keeps the rules that held when
    it went there. Every value stays on record, and every change is audited.
    """
    uow.require("proposal.rules")
    before = store.rule_in_force(uow.session, rule_id)
    if not before.threshold:
        raise missing("rule")
    old = getattr(before.rule, before.threshold)
    if value == old:
        return before
    author = uow.actor_id or ""
    row = store.Threshold(
        rule_id=rule_id, version=before.version + 1, value=plain(value), since=uow.now, by_id=author
    )
    uow.session.add(row)
    try:
        uow.session.flush()
    except IntegrityError as error:  # another director's change came between, on a database of many writers
        raise Problem(412, "stale", STALE) from error
    said = {"threshold": before.threshold, "before": plain(old), "after": plain(value)}
    uow.audit("rule.changed", rule_id, **said)
    return store.rule_in_force(uow.session, rule_id)
