"""Takes the demo's proposals to where they end up, step by step, each by somebody who may."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from demo.load import Proposal, money

PATH = "/proposals/v1/proposals"
Post = Callable[[str, str, Mapping[str, Any], str], dict[str, Any]]
Patch = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]
Get = Callable[[str, str], dict[str, Any]]
CLIENT_STEPS: dict[str, tuple[str, ...]] = {
    "draft": (),
    "in_review": ("submit",),
    "approved": ("submit", "approve"),
    "sent": ("submit", "approve", "send"),
    "presented": ("submit", "approve", "present"),
    "renegotiating": ("submit", "approve", "send", "outcome"),
    "accepted": ("submit", "approve", "present", "send", "outcome"),
    "declined": ("submit", "approve", "send", "outcome"),
    "withdrawn": ("submit", "withdraw"),
    "adopted": ("submit", "approve"),
    "rejected": ("submit", "reject"),
}
PITCH_STEPS = ["go", "brief", "plan", "create", "rehearse", "submit", "present", "shortlist"]
PITCH_STEPS += ["outcome", "debrief"]
PITCH_STATES: dict[str, int] = {
    "invited": 0, "go": 1, "briefed": 2, "strategy": 3, "creative": 4, "rehearsal": 5, "submitted": 6,
    "presented": 7, "shortlisted": 8, "won": 9, "lost": 9, "debriefed": 10,
}  # fmt: skip


class Proposing:
    """Proposes as people do; `post`, `patch` and `get` are calls of the API by somebody."""

    def __init__(self, post: Post, patch: Patch, get: Get) -> None:
        self._post, self._patch, self._get = post, patch, get
        self.ids: dict[str, str] = {}

    def take(self, proposal: Proposal, body: Mapping[str, Any], mentions: Sequence[str]) -> None:
        """Write a proposal, comment on it, and take it to its state."""
        made = self._begin(proposal, body)
        self.ids[proposal.slug] = made["id"]
        if proposal.comment:
            self._do(
                proposal, proposal.author, "comments", {"body": proposal.comment, "mentions": list(mentions)}
            )
        if proposal.pitch is not None:
            self._pitch(proposal, proposal.pitch)
            return
        for step in CLIENT_STEPS[proposal.state]:
            self._step(proposal, step)

    def _begin(self, proposal: Proposal, body: Mapping[str, Any]) -> dict[str, Any]:
        if proposal.alternative_of is None:
            return self._post(proposal.author, PATH, body, f"proposal-{proposal.slug}")
        original = f"{PATH}/{self.ids[proposal.alternative_of]}/alternative"
        made = self._post(proposal.author, original, {"title": body["title"]}, f"proposal-{proposal.slug}")
        said = {name: body[name] for name in ("sections", "probability") if body.get(name) is not None}
        return self._patch(proposal.author, f"{PATH}/{made['id']}", said)

    def _do(self, proposal: Proposal, who: str, verb: str, body: Mapping[str, Any] | None = None) -> None:
        path = f"{PATH}/{self.ids[proposal.slug]}/{verb}"
        self._post(who, path, body or {}, f"{proposal.slug}-{verb.replace('/', '-')}-{who}")

    def _step(self, proposal: Proposal, step: str) -> None:
        judge = proposal.by or proposal.author
        if step == "approve":
            self._approve(proposal)
        elif step == "outcome":
            said = {"result": proposal.state, "reason": proposal.reason}
            self._do(proposal, proposal.author, "outcome", said)
        elif step == "reject":
            self._do(proposal, judge, "outcome", {"result": "rejected", "reason": proposal.reason})
        elif step == "withdraw":
            self._do(proposal, proposal.author, "withdraw", {"reason": proposal.reason})
        else:
            self._do(proposal, proposal.author, step)

    def _approve(self, proposal: Proposal) -> None:
        for who in (proposal.by, proposal.second):
            if who is not None:
                seen = self._get(who, f"{PATH}/{self.ids[proposal.slug]}")
                note = proposal.note or "同意。"
                self._do(proposal, who, "approve", {"content_hash": seen["content_hash"], "note": note})

    # --- pitches ---

    def _pitch(self, proposal: Proposal, pitch: Mapping[str, Any]) -> None:
        here = f"{PATH}/{self.ids[proposal.slug]}/pitch"
        said = {"brief": pitch["brief"], "incumbent": pitch.get("incumbent", False)}
        # A filling that was interrupted goes on where it stood; only verbs are sent again, each under its
        # key.
        if self._get(proposal.author, f"{PATH}/{self.ids[proposal.slug]}")["state"] == "invited":
            self._patch(proposal.author, here, said | {"competitors": pitch.get("rivals", [])})
        if "question" in pitch:
            asked = self._post(
                proposal.author, f"{here}/questions", {"text": pitch["question"]}, f"{proposal.slug}-question"
            )
            path = f"{here}/questions/{asked['questions'][0]['id']}/answer"
            self._post(proposal.author, path, {"answer": pitch["answer"]}, f"{proposal.slug}-answer")
        if "override" in pitch and self._get(str(proposal.by), f"{here}/conflicts")["items"]:
            self._do(proposal, str(proposal.by), "pitch/override-conflict", {"reason": pitch["override"]})
        if proposal.state == "no_go":
            self._judge(proposal, pitch, "no_go")
            return
        for step in PITCH_STEPS[: PITCH_STATES[proposal.state]]:
            self._pitch_step(proposal, pitch, step)
        self._score(proposal, pitch, here)

    def _judge(self, proposal: Proposal, pitch: Mapping[str, Any], decision: str) -> None:
        said = {
            "decision": decision,
            "probability": pitch["probability"],
            "expected_margin": money(pitch["expected_margin"]),
            "expected_cost": money(pitch["expected_cost"]),
            "reason": pitch["reason"],
        }
        self._do(proposal, str(proposal.by), "decide", said)

    def _pitch_step(self, proposal: Proposal, pitch: Mapping[str, Any], step: str) -> None:
        if step == "go":
            self._judge(proposal, pitch, "go")
            self._spend(proposal, pitch)
        elif step == "submit":
            self._approve(proposal)
            self._do(proposal, proposal.author, "submit")
        elif step == "outcome":
            result = "won" if proposal.state == "won" else "lost"
            self._do(proposal, proposal.author, "outcome", {"result": result, "reason": proposal.reason})
        elif step == "debrief":
            said = {name: pitch[name] for name in ("ours", "theirs", "winner")}
            self._do(proposal, proposal.author, "debrief", said)
        else:
            self._do(proposal, proposal.author, step)

    def _spend(self, proposal: Proposal, pitch: Mapping[str, Any]) -> None:
        for cost in pitch.get("costs", ()):
            said = {
                "on": str(proposal.body["due_at"]),
                "hours": cost["hours"],
                "hour_rate": money(cost["hour_rate"]),
                "expenses": money(cost["expenses"]),
            }
            self._do(proposal, cost["person"], "pitch/costs", said)

    def _score(self, proposal: Proposal, pitch: Mapping[str, Any], here: str) -> None:
        if "scores" not in pitch:
            return
        self._do(proposal, proposal.author, "pitch/lock-weights")
        criteria = self._get(proposal.author, here)["criteria"]
        for who, points in pitch["scores"].items():
            given = {one["id"]: max(points - place % 2, 0) for place, one in enumerate(criteria)}
            self._do(proposal, who, "pitch/scores", {"points": given})
