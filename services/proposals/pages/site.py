"""What all screens of proposals share: the blueprint, words, choosing, reading forms."""

from __future__ import annotations

from typing import Any

from services.proposals import store
from services.proposals.domain import workflows
from services.proposals.domain.templates import TEMPLATES
from shared import access, http
from shared.pages import Pages, lazy_gettext
from shared.pages.terms import STATES
from shared.uow import UnitOfWork

pages = Pages("proposals", __name__)

PAGE_ROWS = 50
LABELS = [(label, label) for label in access.LABELS]
LANGUAGES = [("zh", "中文"), ("en", "English")]
KINDS = {
    "internal": lazy_gettext("Internal proposal"),
    "client": lazy_gettext("Client proposal"),
    "pitch": lazy_gettext("Pitch proposal"),
}
WHO = {
    "AM": lazy_gettext("Account Manager (AM)"),
    "AD": lazy_gettext("Account Director (AD)"),
    "director": lazy_gettext("Director"),
}
REASONS = {
    "disputed": lazy_gettext("is disputed"),
    "retracted": lazy_gettext("was retracted"),
    "superseded": lazy_gettext("was replaced by a correction"),
    "expired": lazy_gettext("holds no longer: its valid time has ended"),
    "relabelled": lazy_gettext("has a stricter label now"),
}
DECISIONS = {
    "approved": lazy_gettext("Approved"),
    "changes_requested": lazy_gettext("Changes requested"),
    "rejected": lazy_gettext("Rejected"),
}
VERBS: dict[str, tuple[Any, Any, str, str]] = {
    "submit": (
        lazy_gettext("Submit"),
        lazy_gettext("Whoever must approve it is asked now."),
        "primary",
        "send",
    ),
    "send": (lazy_gettext("Mark as sent"), lazy_gettext("It stays as it is from now on."), "primary", "mail"),
    "present": (
        lazy_gettext("Mark as presented"),
        lazy_gettext("It stays as it is from now on."),
        "primary",
        "presentation",
    ),
    "accept": (
        lazy_gettext("Accepted"),
        lazy_gettext("The client accepts it; its other alternatives stand back."),
        "primary",
        "circle-check",
    ),
    "decline": (lazy_gettext("Declined"), lazy_gettext("Say what the client said."), "", "circle-x"),
    "renegotiate": (
        lazy_gettext("Renegotiate"),
        lazy_gettext("It may be edited again, and is approved anew."),
        "",
        "refresh",
    ),
    "reject": (lazy_gettext("Reject"), lazy_gettext("Say why; its author reads it."), "danger", "circle-x"),
    "plan": (lazy_gettext("On to the strategy"), "", "primary", "target"),
    "create": (lazy_gettext("On to the creative work"), "", "primary", "bulb"),
    "rehearse": (
        lazy_gettext("On to the rehearsal"),
        lazy_gettext("Its content is approved there before it goes to the client."),
        "primary",
        "users-group",
    ),
    "shortlist": (lazy_gettext("Short-listed"), "", "primary", "star"),
    "win": (lazy_gettext("Won"), "", "primary", "circle-check"),
    "lose": (lazy_gettext("Lost"), lazy_gettext("Say what the client said."), "", "circle-x"),
    "withdraw": (lazy_gettext("Withdraw"), lazy_gettext("It is given up; its record stays."), "danger", "x"),
}
"""What is done with a button: its word, what it means, its tone and icon."""
WITH_REASON = {"accept", "decline", "renegotiate", "reject", "win", "lose", "withdraw"}
NEEDS_REASON = {"decline", "renegotiate", "reject", "lose"}
MAINLINE = {
    "internal": ("draft", "in_review", "adopted"),
    "client": ("draft", "in_review", "approved", "sent", "presented", "accepted"),
    "pitch": (
        "invited", "go", "briefed", "strategy", "creative", "rehearsal", "submitted", "presented",
        "shortlisted", "won", "debriefed",
    ),
}  # fmt: skip
"""The way that each kind goes when all goes well, as it is drawn."""


def state_word(state: str) -> str:
    """A state in words."""
    return str(STATES[state].text)


def kind_options() -> list[tuple[str, str]]:
    """The kinds, for a select."""
    return [(code, str(word)) for code, word in KINDS.items()]


def state_options(kind: str = "") -> list[tuple[str, str]]:
    """The states of a kind, or of all, for a select."""
    found = workflows.states(kind) if kind in workflows.KINDS else workflows.BOARD
    return [(state, state_word(state)) for state in found]


def template_options() -> list[tuple[str, str]]:
    """The templates with their kind and language, for a select."""
    return [
        (f"{one.kind}:{one.id}:{one.language}", f"{KINDS[one.kind]} · {one.name} · {one.language}")
        for one in TEMPLATES
    ]


def people_options(who: access.Actor, client_id: str | None = None) -> list[tuple[str, str]]:
    """Employed people, whom no wall hides the client from."""
    people = (
        person
        for person in who.book.people.values()
        if person.status == "employed" and client_id not in who.book.hidden_by_wall(person.id, who.now)
    )
    return sorted(((p.id, f"{p.name} ({p.username})") for p in people), key=lambda option: option[1])


def opened(proposal_id: str) -> tuple[UnitOfWork, store.Proposal]:
    """The transaction, and the proposal in it as far as the actor may see it."""
    http.actor()
    unit = http.uow()
    return unit, store.proposal(unit.session, proposal_id, unit.who)
