"""Writing proposals: their facts, sections and budget. Every path to the content ends in
`_content_changed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select, update

from contracts.proposals import PitchOpened, ProposalDrafted, ProposalEdited, ProposalPlanned
from services.proposals import store
from services.proposals.commands.steps import author_of, enter, wait_for_approvals
from services.proposals.domain import citations, content, pitching, workflows
from services.proposals.domain.budget import Budget
from shared import access
from shared.db import new_id
from shared.pages import N_
from shared.problem import Problem, conflict, invalid
from shared.uow import UnitOfWork

UNKNOWN = N_("This is unknown.")
UNKNOWN_PERSON = N_("This person is unknown, or may not be named here.")
NOT_STANDING = N_("Only a finding that stands can be cited.")
UNNAMED = N_("TLP:RED needs the people who may read it.")
TOO_MUCH = N_("This is too much for one proposal; split it.")
STAYS = N_("A proposal stays with its client; copy it for another.")
NO_CLIENT = N_("Name the client.")
CONTENT = ("title", "label", "recipients", "valid_until", "budget", "sections")
PLAN = ("owner_id", "due_at", "probability", "language")
DEFAULTS: dict[str, Any] = {
    "client_id": None,
    "language": "zh",
    "label": access.STRICT,
    "recipients": [],
    "owner_id": None,
    "due_at": None,
    "valid_until": None,
    "probability": None,
    "budget": Budget(),
    "sections": [],
}


def create(uow: UnitOfWork, *, currency: str, **facts: Any) -> store.Proposal:
    """Begin a proposal (PR1, PR2, PR3). Its author is who acts.

    Refuses with 422 a client that the author may not know of, findings that they may not see, and a kind that
    needs a client; with 403 a client that they only may list.
    """
    author_id = author_of(uow)
    said = DEFAULTS | facts
    _check_client(uow, said["kind"], said["client_id"])
    row = store.Proposal(
        id=new_id(),
        number=_number(uow),
        kind=said["kind"],
        client_id=said["client_id"],
        title=said["title"],
        label=access.STRICT,
        state="",
        state_since=uow.now,
        author_id=author_id,
        owner_id=author_id,
        contributor_ids=[author_id],
        currency=currency,
        budget=Budget().to_json(),
        amount_cents=0,
        content_hash="",
        waiting_for=[],
        alternative="",
        result="",
        outcome_reason="",
        created_at=uow.now,
        closed_at=None,
        version=0,
    )
    row.family_id = row.id
    _take(uow, row, said)
    uow.session.add(row)
    uow.session.flush()
    enter(uow, row, workflows.initial(row.kind))
    uow.session.flush()
    row.content_hash = _hash(row)
    uow.emit(ProposalDrafted, row)
    if row.kind == workflows.PITCH:
        uow.emit(PitchOpened, _open_pitch(uow, row))
    return row


def _open_pitch(uow: UnitOfWork, row: store.Proposal) -> store.Pitch:
    criteria = [
        {"id": new_id(), "name": name, "weight": weight} for name, weight in pitching.DEFAULT_CRITERIA
    ]
    return store.Pitch(
        id=new_id(),
        proposal_id=row.id,
        proposal=row,
        brief="",
        incumbent=False,
        questions=[],
        criteria=criteria,
        scores=[],
        costs=[],
        cost_cents=0,
        go_no_go={},
        override={},
        winner="",
        debrief={},
        version=0,
    )


def change(uow: UnitOfWork, row: store.Proposal, **facts: Any) -> store.Proposal:
    """Change a proposal. Another content voids the approvals given and returns it to its draft.

    Refuses with 409 what was sent or decided already.
    """
    uow.require("proposal.change", row.subject())
    if "client_id" in facts and facts["client_id"] != row.client_id:
        raise invalid({"client_id": STAYS})
    if "kind" in facts and facts["kind"] != row.kind:
        raise invalid({"kind": N_("A proposal keeps its kind; write a new one.")})
    before = {name: getattr(row, name) for name in PLAN}
    said = {name: value for name, value in facts.items() if name in (*CONTENT, *PLAN)}
    if any(name in CONTENT for name in said):
        _check_editable(row)
    _take(uow, row, said)
    planned = any(getattr(row, name) != value for name, value in before.items())
    return _content_changed(uow, row, otherwise_emit=planned)


def change_section(
    uow: UnitOfWork,
    row: store.Proposal,
    section: store.Section,
    *,
    heading: str | None = None,
    body: str | None = None,
    citations: Sequence[str] | None = None,
) -> store.Section:
    """Change one section, whatever others do to the others meanwhile."""
    uow.require("proposal.change", row.subject())
    _check_editable(row)
    said = {
        "heading": section.heading if heading is None else heading,
        "body": section.body if body is None else body,
        "citations": section.cites if citations is None else list(citations),
    }
    _check_citations(uow, row, [("citations", said["citations"])])
    _write_section(uow, section, said)
    _check_size(row)
    _content_changed(uow, row)
    return section


def add_section(
    uow: UnitOfWork, row: store.Proposal, *, heading: str, body: str = "", citations: Sequence[str] = ()
) -> store.Section:
    """Add a section at the end."""
    uow.require("proposal.change", row.subject())
    _check_editable(row)
    said = {"heading": heading, "body": body, "citations": list(citations)}
    _check_citations(uow, row, [("citations", said["citations"])])
    section = _new_section(uow, row, said, place=len(row.sections))
    row.sections.append(section)
    _check_size(row)
    _content_changed(uow, row)
    return section


def remove_section(uow: UnitOfWork, row: store.Proposal, section: store.Section) -> store.Proposal:
    """Take a section out; earlier versions keep it."""
    uow.require("proposal.change", row.subject())
    _check_editable(row)
    row.sections.remove(section)
    for place, one in enumerate(row.sections):
        one.place = place
    return _content_changed(uow, row)


def copy(uow: UnitOfWork, row: store.Proposal, *, alternative: bool, title: str = "") -> store.Proposal:
    """A copy in its first state: another alternative of the same proposal, or a proposal of its own.

    Nothing that was decided is copied: neither approvals nor decisions on citations. Citations keep the
    label at which they were made, so that what had fallen for the original has fallen for its copy.
    """
    uow.require("proposal.create", access.Subject(client_id=row.client_id))
    if alternative and any(one.state in workflows.WON for one in _family(uow, row)):
        raise conflict("One alternative was accepted already; copy it as a proposal of its own.", "accepted")
    seen = store.visible_findings(uow.session, uow.actor, content.cited(s.to_json() for s in row.sections))
    made = create(
        uow,
        currency=row.currency,
        kind=row.kind,
        client_id=row.client_id,
        title=title or row.title,
        language=row.language,
        label=row.label,
        recipients=list(row.recipients),
        due_at=row.due_at,
        valid_until=row.valid_until,
        budget=row.table,
    )
    for section in row.sections:
        said = {"heading": section.heading, "body": section.body, "citations": []}
        twin = _new_section(uow, made, said, place=section.place)
        twin.citations = [
            store.Citation(
                section_id=twin.id,
                finding_id=one.finding_id,
                proposal_id=made.id,
                place=one.place,
                cited_label=one.cited_label,
            )
            for one in section.citations
            if one.finding_id in seen
        ]
        made.sections.append(twin)
    if alternative:
        made.family_id = row.family_id
        row.alternative = row.alternative or "A"
        made.alternative = _next_letter(uow, row)
    return _content_changed(uow, made, otherwise_emit=alternative)


def _family(uow: UnitOfWork, row: store.Proposal) -> list[store.Proposal]:
    query = select(store.Proposal).where(store.Proposal.family_id == row.family_id)
    return list(uow.session.scalars(query.order_by(store.Proposal.id)))


def _next_letter(uow: UnitOfWork, row: store.Proposal) -> str:
    taken = {one.alternative for one in _family(uow, row)}
    number = len(taken - {""})
    return chr(ord("A") + number) if number < 26 else str(number + 1)


# --- what every change of content ends in ------------------------------------------------------------------


def _content_changed(uow: UnitOfWork, row: store.Proposal, *, otherwise_emit: bool = False) -> store.Proposal:
    """Bind the proposal to its new content: approvals of another content are void, whoever edited and how.

    Where nothing changed nothing happens, unless something besides the content did (`otherwise_emit`).
    """
    uow.session.flush()
    fresh = _hash(row)
    if fresh == row.content_hash:
        if otherwise_emit:
            uow.emit(ProposalPlanned, row)
        return row
    row.content_hash = fresh
    if uow.actor_id not in row.contributor_ids:
        row.contributor_ids = [*row.contributor_ids, uow.actor_id]
    uow.session.execute(
        update(store.Approval)
        .where(
            store.Approval.proposal_id == row.id,
            store.Approval.voided_at.is_(None),
            store.Approval.decision == "approved",
        )
        .values(voided_at=uow.now)
    )
    target = workflows.EDITABLE[row.kind][row.state]
    if target != row.state:
        enter(uow, row, target)
    wait_for_approvals(uow, row)
    uow.emit(ProposalEdited, row)
    return row


def _hash(row: store.Proposal) -> str:
    return content.content_hash(
        kind=row.kind,
        client_id=row.client_id,
        title=row.title,
        label=row.label,
        recipients=row.recipients,
        valid_until=row.valid_until.isoformat() if row.valid_until else None,
        currency=row.currency,
        sections=[section.to_json() for section in row.sections],
        budget=row.budget,
    )


def _check_editable(row: store.Proposal) -> None:
    if not workflows.is_editable(row.kind, row.state):
        raise conflict(
            "What was sent or decided stays as it is. Write an alternative, or note that it is renegotiated.",
            "immutable",
        )


# --- parts of the above ------------------------------------------------------------------------------------


def _number(uow: UnitOfWork) -> str:
    year = uow.now.year
    counter = uow.session.get(store.Counter, year) or store.Counter(year=year, last=0)
    counter.last += 1
    uow.session.add(counter)
    return f"P{year}-{counter.last:04d}"


def _check_client(uow: UnitOfWork, kind: str, client_id: str | None) -> None:
    """Refuse a client that the actor may not know of like one that is not there; 403 for one only listed."""
    if client_id is None and kind != workflows.INTERNAL:
        raise invalid({"client_id": NO_CLIENT})
    who = uow.who
    if client_id is not None:
        known = client_id in who.book.clients or who.seat(client_id)
        if not known or not who.scope.lists(client_id):
            raise invalid({"client_id": UNKNOWN})
    uow.require("proposal.create", access.Subject(client_id=client_id))


def _take(uow: UnitOfWork, row: store.Proposal, facts: Mapping[str, Any]) -> None:
    """Put checked facts into a row, all errors told at once."""
    errors: dict[str, str] = {}
    label = facts.get("label", row.label)
    recipients = facts.get("recipients", row.recipients)
    if label == access.RED and not recipients:
        errors["recipients"] = UNNAMED
    errors |= _people_errors(uow, row, "recipients", recipients, known=set(row.recipients))
    if facts.get("owner_id"):
        errors |= _people_errors(uow, row, "owner_id", [facts["owner_id"]], known={row.owner_id})
    if errors:
        raise invalid(errors)
    for name in ("title", "label", "valid_until", "due_at", "probability", "language"):
        if name in facts:
            setattr(row, name, facts[name])
    if facts.get("owner_id"):
        row.owner_id = facts["owner_id"]
    if "recipients" in facts:
        row.recipients = list(facts["recipients"])
    if "budget" in facts:
        budget: Budget = facts["budget"]
        row.budget = budget.to_json()
        row.amount_cents = int(budget.net * 100)
    if "sections" in facts:
        _take_sections(uow, row, facts["sections"])


def _people_errors(
    uow: UnitOfWork, row: store.Proposal, name: str, person_ids: Sequence[str], *, known: set[str]
) -> dict[str, str]:
    """Named people are employed and not behind a wall; who is not is told like somebody unknown."""
    book = uow.who.book
    errors = {}
    for place, person_id in enumerate(person_ids):
        if person_id in known or person_id == uow.actor_id:
            continue
        if book.person(person_id) is None or row.client_id in book.hidden_by_wall(person_id, uow.now):
            errors[name if name == "owner_id" else f"{name}.{place}"] = UNKNOWN_PERSON
    return errors


def _take_sections(uow: UnitOfWork, row: store.Proposal, said: Sequence[Mapping[str, Any]]) -> None:
    """Put a list of sections in place of those that are there.

    A section is recognised by its id, else by its heading. What the writer could not see they did not take
    away.
    """
    existing = {section.id: section for section in row.sections}
    by_heading = {section.heading: section for section in reversed(row.sections)}
    matched: list[tuple[store.Section | None, Mapping[str, Any]]] = []
    for one in said:
        found = existing.pop(one.get("id") or "", None)
        if found is None and not one.get("id"):
            found = by_heading.get(one["heading"])
            found = existing.pop(found.id, None) if found is not None else None
        matched.append((found, one))
    _check_citations(
        uow, row, [(f"sections.{place}.citations", one["citations"]) for place, one in enumerate(said)]
    )
    sections = []
    for place, (found, one) in enumerate(matched):
        if found is None:
            sections.append(_new_section(uow, row, one, place=place))
        else:
            _write_section(uow, found, one)
            found.place = place
            sections.append(found)
    row.sections[:] = sections
    _check_size(row)


def _new_section(
    uow: UnitOfWork, row: store.Proposal, said: Mapping[str, Any], *, place: int
) -> store.Section:
    section = store.Section(
        id=new_id(), proposal_id=row.id, place=place, heading=said["heading"], body=said["body"], version=1
    )
    _cite(uow, section, said["citations"])
    return section


def _write_section(uow: UnitOfWork, section: store.Section, said: Mapping[str, Any]) -> None:
    hidden = _hidden(uow, section.cites)
    cites = [*dict.fromkeys(said["citations"]), *(one for one in hidden if one not in said["citations"])]
    if (section.heading, section.body, section.cites) == (said["heading"], said["body"], cites):
        return
    section.heading, section.body = said["heading"], said["body"]
    _cite(uow, section, cites)
    section.version += 1


def _hidden(uow: UnitOfWork, finding_ids: Sequence[str]) -> list[str]:
    seen = store.visible_findings(uow.session, uow.actor, finding_ids)
    return [one for one in finding_ids if one not in seen]


def _cite(uow: UnitOfWork, section: store.Section, finding_ids: Iterable[str]) -> None:
    ids = list(dict.fromkeys(finding_ids))
    kept = {citation.finding_id: citation for citation in section.citations}
    labels = store.findings(uow.session, [one for one in ids if one not in kept])
    section.citations = [
        kept.get(one)
        or store.Citation(
            section_id=section.id,
            finding_id=one,
            proposal_id=section.proposal_id,
            cited_label=labels[one].label,
        )
        for one in ids
    ]
    for place, citation in enumerate(section.citations):
        citation.place = place


def _check_citations(uow: UnitOfWork, row: store.Proposal, said: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Refuse a finding that the writer may not see, or that does not stand; what is cited already may
    stay.
    """
    already = {one for section in row.sections for one in section.cites}
    wanted = {one for _, cites in said for one in cites} - already
    seen = store.visible_findings(uow.session, uow.actor, wanted)
    errors = {}
    for path, cites in said:
        for place, one in enumerate(cites):
            if one in already:
                continue
            if one not in seen:
                errors[f"{path}.{place}"] = UNKNOWN
            elif seen[one].state not in citations.STANDING:
                errors[f"{path}.{place}"] = NOT_STANDING
    if errors:
        raise invalid(errors)


def _check_size(row: store.Proposal) -> None:
    sections = row.sections
    text = sum(len(section.heading) + len(section.body) for section in sections)
    cites = sum(len(section.cites) for section in sections)
    if len(sections) > content.SECTIONS or text > content.CONTENT_LIMIT or cites > content.CITATIONS:
        raise Problem(413, "too-large", TOO_MUCH)


def next_in_family(uow: UnitOfWork, row: store.Proposal) -> list[store.Proposal]:
    """The other alternatives of a proposal of which something is still to come."""
    return [one for one in _family(uow, row) if one.id != row.id and workflows.is_open(one.state)]
