"""The three kinds of proposal (PR1–PR3), each its own state machine as data."""

from __future__ import annotations

from typing import Final

from shared.workflow import Workflow, transition

INTERNAL: Final = "internal"
CLIENT: Final = "client"
PITCH: Final = "pitch"
KINDS = (INTERNAL, CLIENT, PITCH)

WORKFLOWS: dict[str, Workflow] = {
    INTERNAL: Workflow(
        INTERNAL,
        "draft",
        (
            transition("submit", "draft", "in_review", "proposal.change"),
            transition("request-changes", "in_review", "draft", "proposal.approve", needs_reason=True),
            transition("approve", "in_review", "adopted", "proposal.approve"),
            transition("reject", "in_review", "rejected", "proposal.approve", needs_reason=True),
            transition("withdraw", "draft in_review", "withdrawn", "proposal.withdraw"),
        ),
    ),
    CLIENT: Workflow(
        CLIENT,
        "draft",
        (
            transition("submit", "draft", "in_review", "proposal.change"),
            transition("request-changes", "in_review", "draft", "proposal.approve", needs_reason=True),
            transition("approve", "in_review", "approved", "proposal.approve"),
            transition("send", "approved presented", "sent", "proposal.change"),
            transition("present", "approved sent", "presented", "proposal.change"),
            transition("accept", "sent presented renegotiating", "accepted", "proposal.change"),
            transition(
                "decline", "sent presented renegotiating", "declined", "proposal.change", needs_reason=True
            ),
            transition(
                "renegotiate", "sent presented", "renegotiating", "proposal.change", needs_reason=True
            ),
            transition(
                "withdraw",
                "draft in_review approved sent presented renegotiating",
                "withdrawn",
                "proposal.withdraw",
            ),
        ),
    ),
    PITCH: Workflow(
        PITCH,
        "invited",
        (
            transition("go", "invited", "go", "proposal.judge", needs_reason=True),
            transition("no-go", "invited", "no_go", "proposal.judge", needs_reason=True),
            transition("brief", "go", "briefed", "proposal.change"),
            transition("plan", "briefed", "strategy", "proposal.change"),
            transition("create", "strategy", "creative", "proposal.change"),
            transition("rehearse", "creative", "rehearsal", "proposal.change"),
            transition("request-changes", "rehearsal", "creative", "proposal.approve", needs_reason=True),
            # Approving moves nothing by itself: what it opens is the way to the client.
            transition("approve", "rehearsal", "rehearsal", "proposal.approve"),
            transition("submit", "rehearsal", "submitted", "proposal.change"),
            transition("present", "submitted", "presented", "proposal.change"),
            transition("shortlist", "presented", "shortlisted", "proposal.change"),
            transition("win", "submitted presented shortlisted", "won", "proposal.change"),
            transition(
                "lose", "submitted presented shortlisted", "lost", "proposal.change", needs_reason=True
            ),
            transition("debrief", "won lost", "debriefed", "proposal.change"),
            transition(
                "withdraw",
                "invited go briefed strategy creative rehearsal submitted presented shortlisted",
                "withdrawn",
                "proposal.withdraw",
            ),
        ),
    ),
}

# What a person says came of it, and the verb that says so.
RESULTS: dict[str, dict[str, str]] = {
    INTERNAL: {"adopted": "approve", "rejected": "reject"},
    CLIENT: {"accepted": "accept", "declined": "decline", "renegotiating": "renegotiate"},
    PITCH: {"won": "win", "lost": "lose"},
}
STEPS = ("brief", "plan", "create", "rehearse", "shortlist")
"""Verbs that only lead a pitch on."""

# Where the content may be edited, and where that leads: what was sent or decided stays as it is.
EDITABLE: dict[str, dict[str, str]] = {
    INTERNAL: {"draft": "draft", "in_review": "draft"},
    CLIENT: {"draft": "draft", "in_review": "draft", "approved": "draft", "renegotiating": "draft"},
    # An edit of a rehearsed pitch voids what was approved, but the rehearsal was held.
    PITCH: {state: state for state in ("invited", "go", "briefed", "strategy", "creative", "rehearsal")},
}
UNDER_REVIEW: dict[str, str] = {INTERNAL: "in_review", CLIENT: "in_review", PITCH: "rehearsal"}
LEAVES_THE_HOUSE: dict[str, frozenset[str]] = {
    INTERNAL: frozenset(),
    CLIENT: frozenset({"send", "present"}),
    PITCH: frozenset({"submit", "present"}),
}
"""Verbs that a doubtful citation blocks until somebody decided: they show it to the client."""

UNSUBMITTED = frozenset({"draft", "invited", "go", "no_go", "briefed", "strategy", "creative"})
"""States in which only the team reads it: it is in the making."""
WON = frozenset({"accepted", "won", "adopted"})
LOST = frozenset({"declined", "lost", "rejected"})
CLOSED = WON | LOST | {"withdrawn", "no_go", "debriefed"}
BOARD = (
    "draft", "invited", "go", "briefed", "strategy", "creative", "rehearsal", "in_review", "approved",
    "submitted", "sent", "presented", "shortlisted", "renegotiating", "accepted", "won", "adopted",
    "declined", "lost", "rejected", "no_go", "debriefed", "withdrawn",
)  # fmt: skip
"""Every state of every kind, in the order of the director's board."""


def initial(kind: str) -> str:
    """Where a proposal of a kind begins."""
    return WORKFLOWS[kind].initial


def states(kind: str) -> list[str]:
    """The states of a kind, in the order in which they are drawn."""
    found = WORKFLOWS[kind].states
    return [state for state in BOARD if state in found]


def is_open(state: str) -> bool:
    """Whether something is still to come of it."""
    return state not in CLOSED


def is_editable(kind: str, state: str) -> bool:
    """Whether its content may be changed in this state."""
    return state in EDITABLE[kind]


def warns(kind: str, state: str) -> bool:
    """Whether a fallen citation is a warning here; once it left the house it is only noted."""
    return is_open(state) and (state == "approved" or is_editable(kind, state))
