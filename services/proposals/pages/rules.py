"""The rules for approving, in words; directors set from which amount and which discount they ask."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from services.proposals import commands, store
from services.proposals.commands.fields import ThresholdFields
from services.proposals.pages.site import WHO, pages
from shared import http
from shared.pages import Form, again, check_version, read_form, saved
from shared.pages import gettext as _
from shared.problem import Problem, missing


@pages.route("/rules", methods=["GET", "POST"])
def rules() -> ResponseReturnValue:
    """Who must approve what, and a form for each threshold where the reader may set it."""
    http.actor()
    if request.method == "GET":
        return render_template("rules.html", form=Form(), **_context())
    try:
        rule_id = request.form.get("rule_id", "")
        unit = http.uow()
        unit.require("proposal.rules")
        found = store.rule_in_force(unit.session, rule_id)
        if not found.threshold:
            raise missing("rule")
        typed = request.form.get("value", "").strip().replace(",", "")
        amount = {"amount": typed, "currency": http.runtime().settings.currency}
        sent = {found.threshold: amount if found.threshold == "amount_from" else typed}
        said: dict[str, Any] = read_form(ThresholdFields(), sent)
        check_version(found.version)
        commands.set_threshold(unit, rule_id=rule_id, value=said[found.threshold])
    except Problem as problem:
        if problem.errors:
            problem.errors = {f"value-{rule_id}": " ".join(problem.errors.values())}
        return again(problem, "rules.html", **_context())
    return saved("/proposals/rules", _("The rule was changed."))


def _context() -> dict[str, Any]:
    who = http.actor()
    found = store.rules_in_force(http.reader())
    return {
        "rules": found,
        "whom": {one.rule.id: str(WHO[one.rule.who]) for one in found},
        "names": {one.rule.id: who.book.person_name(one.by_id) if one.by_id else "" for one in found},
        "may_set": who.may("proposal.rules"),
    }
