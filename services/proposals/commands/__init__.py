"""Every write of proposals, and what its fields may hold."""

from services.proposals.commands.citing import (
    decide_citation,
    drop_finding,
    keep_finding,
    note_reads,
    warn_citing_proposals,
)
from services.proposals.commands.deciding import (
    advance,
    approve,
    outcome,
    present,
    request_changes,
    send,
    submit,
    withdraw,
)
from services.proposals.commands.discussing import comment, resolve_comment
from services.proposals.commands.pitching import (
    answer_question,
    ask,
    change_pitch,
    debrief,
    judge,
    lock_weights,
    override_conflict,
    score,
    spend,
)
from services.proposals.commands.ruling import set_threshold
from services.proposals.commands.writing import (
    add_section,
    change,
    change_section,
    copy,
    create,
    remove_section,
)

__all__ = [
    "add_section",
    "advance",
    "answer_question",
    "approve",
    "ask",
    "change",
    "change_pitch",
    "change_section",
    "comment",
    "copy",
    "create",
    "debrief",
    "decide_citation",
    "drop_finding",
    "judge",
    "keep_finding",
    "lock_weights",
    "note_reads",
    "outcome",
    "override_conflict",
    "present",
    "remove_section",
    "request_changes",
    "resolve_comment",
    "score",
    "send",
    "set_threshold",
    "spend",
    "submit",
    "warn_citing_proposals",
    "withdraw",
]
