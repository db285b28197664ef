"""A pitch: brief, questions, rivals, conflicts, go or no-go, locked weights and scores, costs, debrief
(PR3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from services.proposals import commands, store
from services.proposals.commands.fields import JudgementFields, PitchFields, SpentFields
from services.proposals.domain import pitching, workflows
from services.proposals.pages.site import VERBS, opened, pages
from shared import http
from shared.pages import Form, again, check_version, lazy_gettext, read_form, saved
from shared.pages import gettext as _
from shared.pages.language import local
from shared.problem import Problem, invalid

CRITERIA = {
    "strategy": lazy_gettext("Strategy"),
    "capability": lazy_gettext("Capability"),
    "team": lazy_gettext("Team"),
    "commercial": lazy_gettext("Commercial terms"),
    "fit": lazy_gettext("Fit"),
    "risk": lazy_gettext("Risk"),
}
WHY = {
    "name": lazy_gettext("the same name"),
    "industry": lazy_gettext("the same industry"),
    "parent": lazy_gettext("its group is in the same industry"),
}
CRITERIA_ROWS = 10
DONE = {
    "brief": lazy_gettext("The brief was saved."),
    "criteria": lazy_gettext("The criteria were saved."),
    "lock": lazy_gettext("The weights are locked."),
    "score": lazy_gettext("Your points were kept."),
    "ask": lazy_gettext("The question was kept."),
    "answer": lazy_gettext("The answer was kept."),
    "spend": lazy_gettext("Hours and expenses were recorded."),
    "override": lazy_gettext("The conflict was overridden."),
    "judge": lazy_gettext("The decision was kept."),
    "debrief": lazy_gettext("The debrief was kept."),
}


@pages.get("/<proposal_id>/pitch")
def pitch(proposal_id: str) -> ResponseReturnValue:
    """The pitch room of a proposal."""
    return render_template("pitch.html", form=Form(), **_context(proposal_id))


def _context(proposal_id: str) -> dict[str, Any]:
    who, session = http.actor(), http.reader()
    row = store.proposal(session, proposal_id, who)
    seen = store.pitch_view(session, who, row)
    commands.note_reads(http.uow, [row])
    kept = seen.pitch
    may_change = who.may("proposal.change", row.subject()) and workflows.is_open(row.state)
    names = who.book.person_name
    return {
        "proposal": store.view(session, who, row),
        "seen": seen,
        "pitch": kept,
        "criteria": [
            (one["id"], _criterion(one["name"]), one["name"], one["weight"]) for one in kept.criteria
        ],
        "spare_rows": range(max(CRITERIA_ROWS - len(kept.criteria), 0)),
        "scored": [(_criterion(one.name), one) for one in seen.scoring.criteria],
        "drawing": _drawing(seen),
        "needed": pitching.SCORERS_NEEDED,
        "most": pitching.MOST_POINTS,
        "conflicts": [
            (one.client_id, who.book.client_name(one.client_id), str(WHY[one.why]))
            for one in store.conflicts(who, row.client_id or "")
        ],
        "override_by": names(seen.override.get("person_id")),
        "judged_by": names(kept.go_no_go.get("person_id")),
        "costs": [(one, names(one["person_id"])) for one in reversed(kept.costs)],
        "questions": [(one, names(one["person_id"])) for one in kept.questions],
        "may_change": may_change,
        "may_judge": row.state == "invited" and who.may("proposal.judge", row.subject()),
        "may_override": row.state == "invited" and who.may("proposal.override", row.subject()),
        "may_debrief": row.state in ("won", "lost") and who.may("proposal.change", row.subject()),
        "may_score": kept.weights_locked_at is not None
        and workflows.is_open(row.state)
        and not (seen.my_points is not None and seen.scoring.is_open),
        "next_steps": [
            (verb, VERBS[verb][0] if verb in VERBS else _("Go on with the brief"))
            for verb in store.verbs(who, row)
            if verb in workflows.STEPS
        ],
        "today": local(who.now).date().isoformat(),
    }


def _criterion(name: str) -> str:
    return str(CRITERIA.get(name, name))


def _drawing(seen: store.PitchView) -> dict[str, Any]:
    """The scores as bars: the mean of each criterion, opened."""
    names = [_criterion(one.name) for one in seen.scoring.criteria]
    return {
        "tooltip": {},
        "xAxis": {"type": "value", "min": 0, "max": pitching.MOST_POINTS},
        "yAxis": {"type": "category", "data": names[::-1]},
        "series": [
            {
                "type": "bar",
                "barMaxWidth": 18,
                "data": [float(one.mean) for one in seen.scoring.criteria][::-1],
            }
        ],
    }


@pages.get("/<proposal_id>/pitch/<part>")
def part_again(proposal_id: str, part: str) -> ResponseReturnValue:
    """A reload of a refused part shows the pitch."""
    return redirect(f"/proposals/{proposal_id}/pitch")


@pages.post(
    "/<proposal_id>/pitch/<any(brief,criteria,lock,score,ask,answer,spend,override,judge,debrief):part>"
)
def change_part(proposal_id: str, part: str) -> ResponseReturnValue:
    """Store one part of the pitch."""
    try:
        unit, row = opened(proposal_id)
        _PARTS[part](unit, row)
    except Problem as problem:
        return _refused(problem, proposal_id)
    return saved(f"/proposals/{proposal_id}/pitch", str(DONE[part]))


def _refused(problem: Problem, proposal_id: str) -> Response:
    return again(problem, "pitch.html", **_context(proposal_id))


def _money(name: str) -> dict[str, str]:
    return {"amount": request.form.get(name, "") or "0", "currency": http.runtime().settings.currency}


def _whole(name: str) -> int:
    text = request.form.get(name, "").strip()
    if not text.isdigit():
        raise invalid({name: "Write a whole number."})
    return int(text)


def _brief(unit: Any, row: store.Proposal) -> None:
    check_version(store.pitch(unit.session, row).version)
    names = [name.strip() for name in request.form.get("competitors", "").splitlines() if name.strip()]
    said = read_form(
        PitchFields(),
        {
            "brief": request.form.get("brief", ""),
            "incumbent": bool(request.form.get("incumbent")),
            "competitors": names,
        },
    )
    commands.change_pitch(unit, row, **said)


def _criteria(unit: Any, row: store.Proposal) -> None:
    check_version(store.pitch(unit.session, row).version)
    sent = zip(request.form.getlist("criterion"), request.form.getlist("weight"), strict=False)
    # What is shown in the reader's language is kept as what everybody reads in theirs.
    codes = {str(word): code for code, word in CRITERIA.items()}
    typed = [
        {
            "name": codes.get(name.strip(), name.strip()),
            "weight": int(weight) if weight.strip().isdigit() else 0,
        }
        for name, weight in sent
        if name.strip()
    ]
    commands.change_pitch(unit, row, **read_form(PitchFields(), {"criteria": typed}))


def _score(unit: Any, row: store.Proposal) -> None:
    kept = store.pitch(unit.session, row)
    points = {one["id"]: _whole(f"points-{one['id']}") for one in kept.criteria}
    if any(value > pitching.MOST_POINTS for value in points.values()):
        raise invalid({"points": "Give 0 to 10 points."})
    commands.score(unit, row, points=points)


def _spend(unit: Any, row: store.Proposal) -> None:
    said = {
        "on": request.form.get("on", ""),
        "hours": request.form.get("hours", "") or "0",
        "hour_rate": _money("hour_rate"),
        "expenses": _money("expenses"),
        "note": request.form.get("note", ""),
    }
    commands.spend(unit, row, **read_form(SpentFields(), said))


def _judge(unit: Any, row: store.Proposal) -> None:
    said = {
        "decision": request.form.get("decision", ""),
        "probability": _whole("probability"),
        "expected_margin": _money("expected_margin"),
        "expected_cost": _money("expected_cost"),
        "reason": request.form.get("reason", ""),
    }
    commands.judge(unit, row, **read_form(JudgementFields(), said))


def _said(name: str) -> str:
    return request.form.get(name, "").replace("\r\n", "\n").strip()[:8000]


def _ask(unit: Any, row: store.Proposal) -> None:
    if not _said("text"):
        raise invalid({"text": "Write something."})
    commands.ask(unit, row, text=_said("text"))


def _answer(unit: Any, row: store.Proposal) -> None:
    if not _said("answer"):
        raise invalid({"answer": "Write something."})
    commands.answer_question(
        unit, row, question_id=request.form.get("question_id", ""), answer=_said("answer")
    )


def _debrief(unit: Any, row: store.Proposal) -> None:
    commands.debrief(unit, row, ours=_said("ours"), theirs=_said("theirs"), winner=_said("winner")[:200])


_PARTS: dict[str, Callable[[Any, store.Proposal], object]] = {
    "brief": _brief,
    "criteria": _criteria,
    "lock": commands.lock_weights,
    "score": _score,
    "ask": _ask,
    "answer": _answer,
    "spend": _spend,
    "override": lambda unit, row: commands.override_conflict(unit, row, reason=_said("reason")),
    "judge": _judge,
    "debrief": _debrief,
}
