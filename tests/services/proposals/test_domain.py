"""The pure rules: budgets to the cent, what a hash covers, merging, approvals, citations, pitches."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.proposals.domain import approvals, citations, content, pitching, workflows
from services.proposals.domain.budget import Budget, Line, cents, plain

money = st.decimals("0", "9999999.99", places=2)
percents = st.decimals("0", "100", places=2)
lines = st.builds(
    Line,
    item=st.just("x"),
    quantity=st.decimals("0", "9999", places=3),
    unit_price=money,
    discount_percent=percents,
)
texts = st.lists(st.sampled_from(["a", "b", "c", "云", ""]), max_size=7).map("\n".join)


# --- budgets -----------------------------------------------------------------------------------------------


def test_a_budget_sums_in_decimal_with_tax() -> None:
    budget = Budget(
        (
            Line("strategy", Decimal("3"), Decimal("0.10")),
            Line("media", Decimal("1"), Decimal("1000.05"), Decimal("12.5")),
        ),
        Decimal("6"),
    )
    assert budget.gross == Decimal("1000.35")
    assert budget.net == Decimal("0.30") + Decimal("875.04")
    assert budget.tax == Decimal("52.52")
    assert budget.total == Decimal("927.86")
    assert cents(budget.discount_percent) == Decimal("12.50")


@given(st.lists(lines, max_size=6), percents)
def test_a_budget_always_sums_up(table: list[Line], tax: Decimal) -> None:
    budget = Budget(tuple(table), tax)
    assert budget.net == sum((line.net for line in table), Decimal(0))
    assert budget.gross - budget.discount == budget.net
    assert budget.net + budget.tax == budget.total
    assert all(
        value.as_tuple().exponent == -2 for value in (budget.gross, budget.net, budget.tax, budget.total)
    )
    assert Budget.read(budget.to_json()) == budget
    assert Budget(tuple(reversed(table)), tax).total == budget.total


@given(st.decimals("-1000", "1000", places=4))
def test_equal_decimals_are_written_alike(value: Decimal) -> None:
    assert plain(value) == plain(value.normalize()) == plain(value * Decimal("1.000"))
    assert Decimal(plain(value)) == value


# --- content -----------------------------------------------------------------------------------------------


def said(**facts: Any) -> dict[str, Any]:
    return {
        "kind": "client",
        "client_id": "c1",
        "title": "t",
        "label": "TLP:AMBER",
        "recipients": ["b", "a"],
        "valid_until": None,
        "currency": "CNY",
        "sections": [{"id": "s", "heading": "h", "body": "b", "citations": ["f"]}],
        "budget": Budget((Line("x", Decimal(1), Decimal("2.50")),), Decimal(6)).to_json(),
        **facts,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"title": "u"},
        {"client_id": "c2"},
        {"label": "TLP:RED"},
        {"recipients": ["a"]},
        {"valid_until": "2027-01-01"},
        {"currency": "EUR"},
        {"sections": []},
        {"sections": [{"id": "s", "heading": "h", "body": "b!", "citations": ["f"]}]},
        {"sections": [{"id": "s", "heading": "h", "body": "b", "citations": []}]},
        {"budget": Budget((Line("x", Decimal(1), Decimal("2.51")),), Decimal(6)).to_json()},
        {"budget": Budget((Line("x", Decimal(1), Decimal("2.50")),), Decimal("6.5")).to_json()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_change_of_content_changes_the_hash(change: dict[str, Any]) -> None:
    assert content.content_hash(**said(**change)) != content.content_hash(**said())


def test_what_is_no_content_does_not_change_the_hash() -> None:
    same = {
        "recipients": ["a", "b"],
        "sections": [{"id": "other", "version": 9, "heading": "h", "body": "b", "citations": ["f"]}],
        "budget": Budget((Line("x", Decimal("1.00"), Decimal("2.5")),), Decimal("6.0")).to_json(),
    }
    assert content.content_hash(**said(**same)) == content.content_hash(**said())


@given(texts, texts)
def test_a_difference_tells_both_texts(before: str, after: str) -> None:
    pieces = content.difference(before, after)
    assert "\n".join(p.text for p in pieces if p.kind != "added") == before
    assert "\n".join(p.text for p in pieces if p.kind != "removed") == after


@given(texts, texts)
def test_merging_with_one_who_changed_nothing_is_the_other_ones_text(base: str, mine: str) -> None:
    assert content.merge(base, mine, base) == content.Merged(mine, False)
    assert content.merge(base, base, mine) == content.Merged(mine, False)
    assert content.merge(base, mine, mine) == content.Merged(mine, False)


@given(texts, texts, texts)
def test_merging_loses_no_line_that_somebody_added(base: str, mine: str, theirs: str) -> None:
    merged = content.merge(base, mine, theirs).text.split("\n")
    for typed in (mine, theirs):
        added = [p.text for p in content.difference(base, typed) if p.kind == "added"]
        assert {line for text in added for line in text.split("\n")} <= set(merged)


def test_changes_of_different_lines_merge_by_themselves() -> None:
    merged = content.merge("one\ntwo\nthree\nfour", "ONE\ntwo\nthree\nfour", "one\ntwo\nthree\nFOUR")
    assert merged == content.Merged("ONE\ntwo\nthree\nFOUR", False)
    clash = content.merge("one\ntwo\nthree", "one\nmine\nthree", "one\ntheirs\nthree")
    assert clash == content.Merged("one\ntheirs\nmine\nthree", True)


def test_what_became_of_each_section() -> None:
    def section(name: str, body: str = "x", cites: tuple[str, ...] = ()) -> dict[str, Any]:
        return {"id": name, "heading": name, "body": body, "citations": list(cites)}

    changes = content.section_changes(
        [section("a"), section("b"), section("c"), section("gone")],
        [section("b"), section("a"), section("c", "y", ("f",)), section("new")],
    )
    assert [(c.id, c.change) for c in changes] == [
        ("b", "moved"),
        ("a", "moved"),
        ("c", "changed"),
        ("new", "added"),
        ("gone", "removed"),
    ]
    assert changes[2].citations_added == ("f",)


# --- approvals ---------------------------------------------------------------------------------------------


def facts(**said_: Any) -> approvals.Facts:
    return approvals.Facts(
        **{
            "kind": "client",
            "of_client": True,
            "label": "TLP:AMBER",
            "amount": Decimal(0),
            "discount_percent": Decimal(0),
            **said_,
        }
    )


def slots(**said_: Any) -> list[tuple[int, str]]:
    return [(slot.stage, slot.who) for slot in approvals.needed(facts(**said_))]


def test_rules_by_client_amount_discount_and_label() -> None:
    assert slots() == [(1, "AD")]
    assert slots(of_client=False, kind="internal") == [(1, "director")]
    assert slots(amount=Decimal("499999.99")) == [(1, "AD")]
    assert slots(amount=Decimal("500000.00")) == [(1, "AD"), (2, "director")]
    assert slots(discount_percent=Decimal("10.00")) == [(1, "AD")]
    assert slots(discount_percent=Decimal("10.01")) == [(1, "AD"), (1, "director")]
    assert slots(discount_percent=Decimal(11), amount=Decimal(600000)) == [(1, "AD"), (1, "director")]
    assert slots(label="TLP:RED") == [(1, "AD"), (2, "director")]


def test_stages_come_one_after_the_other() -> None:
    needed = approvals.needed(facts(amount=Decimal(600_000)))
    assert approvals.slot_for(frozenset({"AD"}), needed, []) == needed[0]
    assert approvals.slot_for(frozenset({"AM"}), needed, []) is None
    given_ = [approvals.Given("p", "AD", 1)]
    assert approvals.slot_for(frozenset({"AD"}), needed, given_) is None
    assert approvals.slot_for(frozenset({"director"}), needed, given_) == needed[1]
    assert approvals.slot_for(frozenset({"director"}), needed, []) == needed[0], "stands in for the AD"
    assert approvals.open_slots(needed, [*given_, approvals.Given("q", "director", 2)]) == []


def test_parallel_approvals_come_in_any_order() -> None:
    needed = approvals.needed(facts(discount_percent=Decimal(20)))
    director = approvals.slot_for(frozenset({"director"}), needed, [])
    assert director is not None
    assert director.who == "director"
    assert approvals.slot_for(frozenset({"AD"}), needed, [approvals.Given("d", "director", 1)]) == needed[0]


# --- citations ---------------------------------------------------------------------------------------------


def cited(**said_: Any) -> citations.Cited:
    return citations.Cited(
        **{
            "finding_id": "f",
            "state": "verified",
            "label": "TLP:GREEN",
            "cited_label": "TLP:GREEN",
            "valid_until": None,
            **said_,
        }
    )


TODAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("said_", "expected"),
    [
        ({}, []),
        ({"state": "disputed"}, ["disputed"]),
        ({"state": "retracted"}, ["retracted"]),
        ({"state": "superseded"}, ["superseded"]),
        ({"valid_until": "2026-11-25"}, []),
        ({"valid_until": "2026-11-24"}, ["expired"]),
        ({"label": "TLP:AMBER"}, ["relabelled"]),
        ({"label": "TLP:CLEAR"}, []),
        (
            {"state": "disputed", "label": "TLP:RED", "valid_until": "2020-01-01"},
            ["disputed", "expired", "relabelled"],
        ),
    ],
)
def test_what_speaks_against_a_citation(said_: dict[str, Any], expected: list[str]) -> None:
    assert citations.reasons(cited(**said_), TODAY) == expected


def test_a_decision_covers_what_it_was_made_for_and_nothing_newer() -> None:
    decided = [citations.Decision("f", frozenset({"disputed"}))]
    assert citations.warnings([cited(state="disputed")], decided, TODAY) == []
    assert citations.warnings([cited(state="retracted")], decided, TODAY) == [
        citations.Warn("f", "retracted")
    ]


# --- pitches -----------------------------------------------------------------------------------------------


CRITERIA = [{"id": name, "name": name, "weight": weight} for name, weight in pitching.DEFAULT_CRITERIA]


def test_weights_sum_to_a_hundred() -> None:
    assert pitching.weights_error(CRITERIA) == ""
    assert pitching.weights_error([]) == "none"
    assert pitching.weights_error([*CRITERIA, {"id": "x", "name": "x", "weight": 1}]) == "sum"
    assert pitching.weights_error([{"name": "a", "weight": 50}, {"name": "a", "weight": 50}]) == "repeated"
    assert (
        pitching.weights_error([{"name": "a", "weight": 110}, {"name": "b", "weight": -10}]) == "not_positive"
    )


def points(**given_: int) -> dict[str, Any]:
    return {"points": {name: given_.get(name, 5) for name, _ in pitching.DEFAULT_CRITERIA}}


def test_scores_open_with_the_third_scorer_and_a_wide_spread_is_discussed() -> None:
    closed = pitching.scoring(CRITERIA, [points(), points()])
    assert (closed.is_open, closed.total, closed.criteria) == (False, None, ())
    opened = pitching.scoring(CRITERIA, [points(strategy=9), points(strategy=6), points(team=7)])
    by_name = {one.name: one for one in opened.criteria}
    assert (by_name["strategy"].spread, by_name["strategy"].discuss) == (4, True)
    assert (by_name["team"].spread, by_name["team"].discuss) == (2, False), "more than 2 points"
    # 5 everywhere, but strategy 9+6+5 and team 5+5+7: 5 + (30*5 + 15*2) / 300
    assert opened.total == Decimal("5.60")


@given(
    st.lists(st.fixed_dictionaries({n: st.integers(0, 10) for n, _ in pitching.DEFAULT_CRITERIA}), min_size=3)
)
def test_a_total_lies_between_the_lowest_and_the_highest_points(given_: list[dict[str, int]]) -> None:
    opened = pitching.scoring(CRITERIA, [{"points": one} for one in given_])
    assert opened.total is not None
    everything = [value for one in given_ for value in one.values()]
    assert min(everything) <= opened.total <= max(everything)


def test_go_or_no_go_compares_the_gain_with_the_cost() -> None:
    taken = pitching.advice(probability=30, margin=Decimal(1_000_000), expected_cost=Decimal(204_461))
    assert (taken.expected_gain, taken.pays) == (Decimal("300000.00"), True)
    assert not pitching.advice(probability=30, margin=Decimal(1_000_000), expected_cost=Decimal(406_092)).pays


def test_the_cost_of_a_pitch() -> None:
    entries = [
        {"hours": "7.5", "hour_rate": "333.33", "expenses": "0"},
        {"hours": "0", "hour_rate": "0", "expenses": "1200.10"},
    ]
    assert pitching.cost(entries) == Decimal("2499.98") + Decimal("1200.10")


@pytest.mark.parametrize(
    ("outcomes", "score"),
    [([], None), ([(100, True)], "0"), ([(100, False)], "1"), ([(50, True), (50, False)], "0.25"),
     ([(80, True), (30, False), (60, False)], "0.1633")],
)  # fmt: skip
def test_the_brier_score(outcomes: list[tuple[int, bool]], score: str | None) -> None:
    assert pitching.brier(outcomes) == (None if score is None else Decimal(score))


def party(
    name: str, industry: str = "", *, names: tuple[str, ...] = (), group: str = "", of_group: str = ""
) -> pitching.Party:
    return pitching.Party(
        id=name,
        names=frozenset({name, *names}),
        industry=industry,
        group=frozenset({name, group} - {""}),
        group_industries=frozenset({industry, of_group} - {""}),
    )


def test_conflicts_by_name_industry_and_parent_but_not_within_a_group() -> None:
    invited = party("new", "dairy", names=("yunling",), group="holding", of_group="food")
    others = [
        party("a", names=("yunling",)),
        party("b", "dairy"),
        party("c", "snacks", of_group="food"),
        party("d", "dairy", group="holding"),
        party("e", "cars"),
        party("f"),
    ]
    assert [(c.client_id, c.why) for c in pitching.conflicts(invited, others)] == [
        ("a", "name"),
        ("b", "industry"),
        ("c", "parent"),
    ]


# --- workflows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", workflows.KINDS)
def test_each_workflow_is_whole(kind: str) -> None:
    workflow = workflows.WORKFLOWS[kind]
    states = set(workflow.states)
    assert set(workflows.states(kind)) == states, "every state has a place on the board"
    for state in states:
        leads_on = bool(workflow.verbs(state))
        assert leads_on == (workflows.is_open(state) or state in ("won", "lost")), state
    reached = {workflow.initial}
    for _ in states:
        reached |= {step.target for step in workflow.transitions if step.sources & reached}
    assert reached == states
    for result, verb in workflows.RESULTS[kind].items():
        assert any(step.verb == verb and step.target == result for step in workflow.transitions)


def test_the_states_that_outside_programs_know() -> None:
    assert {
        "draft",
        "in_review",
        "approved",
        "sent",
        "presented",
        "accepted",
        "declined",
        "withdrawn",
    } <= set(workflows.states("client"))
    assert {"adopted", "rejected"} <= set(workflows.states("internal"))
    assert workflows.states("pitch")[:7] == [
        "invited", "go", "briefed", "strategy", "creative", "rehearsal", "submitted",
    ]  # fmt: skip
