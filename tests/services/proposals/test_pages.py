"""The screens: written from a template, reviewed on a phone, merged, tracked; the bypasses over the forms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.accounts.commands import create_client
from services.accounts.store import Client
from shared.pages import FIRST, missing_translations

from .conftest import Agency, Browser, money


def test_every_message_has_its_chinese() -> None:
    assert missing_translations(Path("services/proposals")) == []


def begin(
    agency: Agency, by: str = "amy", template: str = "client:client:zh", client: str = "Yunling"
) -> str:
    """Begin a proposal as a person does; answers its id."""
    fields = {"template": template, "client_id": agency.ids.get(client, ""), "title": "低温奶上市"}
    answer = Browser(agency, by).send("/proposals/new", fields)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return str(answer.headers["Location"].split("/")[2])


def section_form(page: str, place: int = 0) -> dict[str, Any]:
    """The fields of a section's form, as they stand on the editor's page."""
    form = re.findall(r'<form class="acm-section".*?</form>', page, re.S)[place]
    action = re.search(r'action="([^"]+)"', form)
    version = re.search(r'name="version" value="(\d+)"', form)
    heading = re.search(r'name="heading" value="([^"]*)"', form)
    body = re.search(r"<textarea[^>]*name=\"body\"[^>]*>\n(.*?)</textarea>", form, re.S)
    assert action is not None
    assert version is not None
    assert heading is not None
    assert body is not None
    return {"action": action[1], "version": version[1], "heading": heading[1], "body": body[1]}


def save(agency: Agency, by: str, proposal_id: str, form: dict[str, Any], **fields: Any) -> Any:
    sent = {"version": form["version"], "heading": form["heading"], "body": form["body"], **fields}
    return Browser(agency, by).send(f"/proposals/{proposal_id}/edit", sent, to=form["action"])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pr2_written_from_a_template_approved_and_sent(agency: Agency, language: str) -> None:
    findings = [agency.finding(title=f"f{n}") for n in range(4)]
    proposal_id = begin(agency, template=f"client:client:{language}")
    form = section_form(Browser(agency, "amy").page(f"/proposals/{proposal_id}/edit"), 1)
    assert save(agency, "amy", proposal_id, form, body="我们知道", citations=findings).status_code == 303
    budget = {
        "version": "",
        "item": ["策略", "", "媒介"],
        "quantity": ["1", "", "2"],
        "unit_price": ["1000", "", "2.50"],
        "discount_percent": ["", "", "10"],
        "tax_percent": "6",
    }
    del budget["version"]
    here = f"/proposals/{proposal_id}"
    assert Browser(agency, "amy").send(f"{here}/budget", budget).status_code == 303
    page = Browser(agency, "amy", language=language).page(here)
    assert "1,004.50" in page
    assert page.count("/intelligence/findings/") == 4
    assert Browser(agency, "amy").send(here, {}, to=f"{here}/do/submit").status_code == 303
    review = Browser(agency, "adam", language=language).page(f"{here}/review")
    content_hash = re.search(r'name="content_hash" value="([^"]+)"', review)
    assert content_hash is not None
    decided = {"decision": "approve", "content_hash": content_hash[1], "note": "好"}
    assert Browser(agency, "adam").send(f"{here}/review", decided).status_code == 303
    assert Browser(agency, "amy").send(here, {}, to=f"{here}/do/send").status_code == 303
    assert agency.read({"id": proposal_id})["state"] == "sent"
    assert Browser(agency, "amy").get(f"{here}/edit").status_code == 409


# --- the bypasses, over the forms --------------------------------------------------------------------------


def in_review(agency: Agency) -> str:
    made = agency.write()
    agency.done("submit", made, "amy")
    return str(made["id"])


def review(agency: Agency, by: str, proposal_id: str, page: str, **fields: Any) -> Any:
    """Send the review form as it stood on a page that was opened earlier."""
    content_hash = re.search(r'name="content_hash" value="([^"]+)"', page)
    sent = {"decision": "approve", "content_hash": content_hash[1] if content_hash else "", **fields}
    return Browser(agency, by).send(f"/proposals/{proposal_id}", sent, to=f"/proposals/{proposal_id}/review")


def test_a_stale_tab_approves_nothing(agency: Agency) -> None:
    proposal_id = in_review(agency)
    old = Browser(agency, "adam").page(f"/proposals/{proposal_id}/review")
    agency.patch({"id": proposal_id}, title="heimlich")
    agency.done("submit", {"id": proposal_id}, "amy")
    answer = review(agency, "adam", proposal_id, old, note="typed at length")
    assert answer.status_code == 409
    assert "typed at length" in answer.get_data(as_text=True)
    assert agency.read({"id": proposal_id})["state"] == "in_review"


def test_what_is_typed_but_not_saved_is_not_approved(agency: Agency) -> None:
    proposal_id = in_review(agency)
    page = Browser(agency, "adam").page(f"/proposals/{proposal_id}/review")
    before = agency.read({"id": proposal_id})
    smuggled = {"title": "smuggled", "body": "smuggled", "heading": "smuggled", "budget": "1"}
    assert review(agency, "adam", proposal_id, page, **smuggled).status_code == 303
    after = agency.read({"id": proposal_id})
    assert after["content_hash"] == before["content_hash"]
    assert "smuggled" not in str(after)


def test_ones_own_is_not_offered_and_not_taken(agency: Agency) -> None:
    made = agency.write("adam")
    agency.done("submit", made, "adam")
    page = Browser(agency, "adam").page(f"/proposals/{made['id']}/review")
    assert 'name="content_hash"' not in page
    seen = Browser(agency, "dora").page(f"/proposals/{made['id']}/review")
    assert review(agency, "adam", made["id"], seen).status_code == 403


def test_approving_twice_is_refused(agency: Agency) -> None:
    line = {"item": "媒介", "unit_price": money("600000.00")}
    made = agency.write(budget={"lines": [line], "tax_percent": "6"})
    agency.done("submit", made, "amy")
    page = Browser(agency, "adam").page(f"/proposals/{made['id']}/review")
    assert review(agency, "adam", made["id"], page).status_code == 303
    assert review(agency, "adam", made["id"], page).status_code == 409
    assert agency.read(made)["state"] == "in_review"


def test_an_edit_by_the_editor_and_a_copy_void_or_begin_anew(agency: Agency) -> None:
    made = agency.approved()
    here = f"/proposals/{made['id']}"
    editor = Browser(agency, "amy").page(f"{here}/edit")
    assert "voids the approvals" in editor
    assert save(agency, "amy", made["id"], section_form(editor), body="neu").status_code == 303
    assert agency.read(made)["state"] == "draft"
    again = agency.approved()
    answer = Browser(agency, "amy").send(
        f"/proposals/{again['id']}", {"as": "duplicate"}, to=f"/proposals/{again['id']}/copy"
    )
    twin = str(answer.headers["Location"].split("/")[2])
    assert agency.read({"id": twin})["state"] == "draft"
    assert Browser(agency, "amy").send(here, {}, to=f"/proposals/{twin}/do/send").status_code == 409


# --- several people at once --------------------------------------------------------------------------------


def test_two_who_edit_one_section_see_both_texts_merged(agency: Agency) -> None:
    made = agency.write(sections=[{"heading": "h", "body": "one\ntwo\nthree"}])
    mine = section_form(Browser(agency, "amy").page(f"/proposals/{made['id']}/edit"))
    theirs = section_form(Browser(agency, "adam").page(f"/proposals/{made['id']}/edit"))
    assert save(agency, "adam", made["id"], theirs, body="ONE\ntwo\nthree").status_code == 303
    answer = save(agency, "amy", made["id"], mine, body="one\r\ntwo\r\nTHREE")
    assert answer.status_code == 412
    merged = section_form(answer.get_data(as_text=True))
    assert merged["body"] == "ONE\ntwo\nTHREE"
    assert merged["version"] == "2"
    assert save(agency, "amy", made["id"], merged).status_code == 303
    assert agency.read(made)["sections"][0]["body"] == "ONE\ntwo\nTHREE"


def test_a_clash_keeps_both(agency: Agency) -> None:
    made = agency.write(sections=[{"heading": "h", "body": "one"}])
    mine = section_form(Browser(agency, "amy").page(f"/proposals/{made['id']}/edit"))
    save(agency, "adam", made["id"], mine, body="theirs")
    page = save(agency, "amy", made["id"], mine, body="mine").get_data(as_text=True)
    assert section_form(page)["body"] == "theirs\nmine"
    assert "the same lines" in page


def test_a_refused_form_keeps_what_was_typed(agency: Agency) -> None:
    refused = Browser(agency, "amy").send(
        "/proposals/new", {"template": "client:client:zh", "client_id": "", "title": "typed"}
    )
    assert refused.status_code == 422
    assert "typed" in refused.get_data(as_text=True)
    made = agency.write()
    bad = {"item": ["媒介"], "quantity": ["viele"], "unit_price": ["1"], "discount_percent": [""]}
    answer = Browser(agency, "amy").send(f"/proposals/{made['id']}/budget", bad)
    assert answer.status_code == 422
    assert "viele" in answer.get_data(as_text=True)


# --- where it stands ---------------------------------------------------------------------------------------


def test_the_workflow_is_drawn_with_who_is_next_and_since_when(agency: Agency) -> None:
    proposal_id = in_review(agency)
    page = Browser(agency, "amy").page(f"/proposals/{proposal_id}")
    now = re.search(r'<li class="acm-step-now" aria-current="step">(.*?)</li>', page, re.S)
    assert now is not None
    assert "In review" in now[1]
    assert "Account Director (AD)" in now[1]
    assert "adam" in now[1]
    assert page.count("acm-step-ahead") == 4


def test_home_tells_what_needs_me(agency: Agency) -> None:
    finding = agency.finding()
    made = agency.write(
        title="braucht dich",
        sections=[{"heading": "h", "body": "b", "citations": [finding]}],
        due_at="2020-01-01",
    )
    home = "/proposals/panels/home"
    assert "braucht dich" not in Browser(agency, "adam").page(home)
    mine = Browser(agency, "amy").page(home)
    assert "Due soon or late" in mine
    assert "You are writing" in mine
    agency.take_finding("retract", finding, "amy", reason="x")
    assert "A cited finding fell" in Browser(agency, "amy").page(home)
    agency.done("submit", made, "amy")
    waiting = Browser(agency, "adam").page(home)
    assert "Waiting for your approval" in waiting
    assert "braucht dich" in waiting
    here = f"/proposals/{made['id']}"
    said = Browser(agency, "adam").send(here, {"body": "@ann 请看"}, to=f"{here}/comments")
    assert said.status_code == 303
    assert "You were mentioned" in Browser(agency, "ann").page(home)
    hidden = Browser(agency, "adam").send(here, {"body": "@wally 请看"}, to=f"{here}/comments")
    assert hidden.status_code == 422
    for who in ("wally", "col"):
        assert "braucht dich" not in Browser(agency, who).page(home)


def test_the_clients_panel(agency: Agency) -> None:
    agency.write(title="im panel")
    panel = f"/proposals/panels/client/{agency.ids['Yunling']}"
    assert "im panel" in Browser(agency, "ann").page(panel)
    assert "im panel" not in Browser(agency, "col").page(panel)
    assert Browser(agency, "wally").get(panel).status_code == 404


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "path",
    [
        "/proposals/",
        "/proposals/?kind=client&owner=me&open=yes",
        "/proposals/board",
        "/proposals/board?lane=client",
        "/proposals/board?lane=kind&kind=pitch",
        "/proposals/calendar",
        "/proposals/report",
        "/proposals/report?from=2026-01-01&to=2026-12-31",
        "/proposals/report/win-by-kind.csv",
        "/proposals/report/ageing.csv",
        "/proposals/new",
    ],
)
def test_every_screen_shows_in_both_languages(agency: Agency, path: str, language: str) -> None:
    agency.approved()
    assert Browser(agency, "dora", language=language).page(path)
    assert Browser(agency, "col", language=language).get(path).status_code == 200


def test_screens_show_nothing_hidden(agency: Agency) -> None:
    made = agency.write(title="kanarienvogel", due_at="2026-11-26")
    agency.done("submit", made, "amy")
    for path in ("/proposals/", "/proposals/board", "/proposals/calendar?month=2026-11", "/proposals/report"):
        for who in ("wally", "col", "audie"):
            assert "kanarienvogel" not in Browser(agency, who).page(path), (path, who)
    assert "kanarienvogel" in Browser(agency, "ann").page("/proposals/calendar?month=2026-11")
    for path in ("", "/edit", "/review", "/versions", "/facts", "/budget"):
        assert Browser(agency, "wally").get(f"/proposals/{made['id']}{path}").status_code == 404


def test_a_download_is_audited_and_marked_for_spreadsheets(agency: Agency) -> None:
    answer = Browser(agency, "dora").get("/proposals/report/workload.csv")
    assert answer.get_data(as_text=True).startswith("\ufeff")
    listed = agency.api("audie").get("/proposals/v1/audit", query_string={"limit": 200}).get_json()["items"]
    assert ("report.exported", "workload") in [(entry["action"], entry["subject"]) for entry in listed]
    assert Browser(agency, "dora").get("/proposals/report/nope.csv").status_code == 404


def test_versions_are_compared(agency: Agency) -> None:
    made = agency.approved(sections=[{"heading": "h", "body": "one\ntwo"}])
    agency.patch(made, sections=[{"heading": "h", "body": "one\nzwei"}])
    page = Browser(agency, "amy").page(f"/proposals/{made['id']}/versions")
    assert "<del>two</del>" in page
    assert "<ins>zwei</ins>" in page


def test_facts_are_changed(agency: Agency) -> None:
    made = agency.write()
    here = f"/proposals/{made['id']}/facts"
    fields = {
        "version": made["version"],
        "title": "新题目",
        "label": "TLP:AMBER",
        "owner_id": agency.who("ann"),
        "due_at": "2026-12-24",
        "valid_until": "2027-01-31",
        "probability": "60",
    }
    assert Browser(agency, "amy").send(here, fields).status_code == 303
    seen = agency.read(made)
    assert (seen["title"], seen["label"], seen["probability"]) == ("新题目", "TLP:AMBER", 60)
    assert (seen["owner_id"], seen["valid_until"]) == (agency.who("ann"), "2027-01-31")
    assert Browser(agency, "amy").send(here, fields).status_code == 412
    assert (
        Browser(agency, "amy")
        .send(here, {**fields, "version": seen["version"], "probability": "x"})
        .status_code
        == 422
    )


# --- pitches -----------------------------------------------------------------------------------------------


def test_pr3_a_pitch_in_its_room(agency: Agency) -> None:
    proposal_id = begin(agency, "rita", "pitch:pitch:en", "Qingwu")
    here, room = f"/proposals/{proposal_id}", f"/proposals/{proposal_id}/pitch"
    rita = Browser(agency, "rita")

    def part(name: str, by: str = "rita", **fields: Any) -> int:
        return int(Browser(agency, by).send(room, fields, to=f"{room}/{name}").status_code)

    expected = {"probability": "40", "expected_margin": "1000000", "expected_cost": "200000"}
    assert part("judge", decision="go", reason="", **expected) == 422
    assert part("judge", decision="go", reason="懂品类", **expected) == 303
    assert "The gain outweighs the cost" in rita.page(room)
    assert part("brief", brief="年轻人喝茶", competitors="山海广告\n北岸") == 303
    assert part("ask", text="含媒介吗？") == 303
    question = re.search(r'name="question_id" value="([^"]+)"', rita.page(room))
    assert question is not None
    assert part("answer", question_id=question[1], answer="不含") == 303
    assert part("criteria", criterion=["strategy", "team"], weight=["60", "30"]) == 422
    assert part("criteria", criterion=["strategy", "team"], weight=["60", "40"]) == 303
    for language, words in (("zh", ["策略", "团队"]), ("en", ["Strategy", "Team"])):
        reader = Browser(agency, "rita", language=language)
        assert re.findall(r'name="criterion" value="([^"]+)"', reader.page(room)) == words
        sent = {"criterion": words, "weight": ["60", "40"], "version": version_of(reader.page(room))}
        assert reader.send(room, sent, to=f"{room}/criteria").status_code == 303
    assert part("lock") == 303
    points = re.findall(r'name="(points-[^"]+)"', rita.page(room))
    assert len(points) == 2
    for by, given in {"rita": ("8", "8"), "adam": ("5", "8"), "dora": ("8", "7")}.items():
        assert part("score", by, **dict(zip(points, given, strict=True))) == 303
    opened = rita.page(room)
    assert "discuss: more than 2 points apart" in opened
    assert "Total: 7.27 of 10" in opened
    assert part("spend", on="2026-11-20", hours="7.5", hour_rate="400", expenses="1200") == 303
    assert "4,200.00" in rita.page(room)
    for verb in ("brief", "plan", "create", "rehearse"):
        assert rita.send(room, {}, to=f"{here}/do/{verb}").status_code == 303
    page = Browser(agency, "adam").page(f"{here}/review")
    assert review(agency, "adam", proposal_id, page).status_code == 303
    for verb in ("submit", "present"):
        assert rita.send(here, {}, to=f"{here}/do/{verb}").status_code == 303
    assert rita.send(here, {"reason": "价格"}, to=f"{here}/do/lose").status_code == 303
    assert part("debrief", ours="策略先行", theirs="报价偏高", winner="北岸") == 303
    assert agency.read({"id": proposal_id}, "rita")["state"] == "debriefed"
    assert "报价偏高" in rita.page(room)
    report = Browser(agency, "dora").page("/proposals/report?competitor=")
    assert "北岸" in report


def test_an_internal_one_is_decided_with_its_reason(agency: Agency) -> None:
    proposal_id = begin(agency, "col", "internal:internal:zh", "")
    here = f"/proposals/{proposal_id}"
    assert Browser(agency, "col").send(here, {}, to=f"{here}/do/submit").status_code == 303
    page = Browser(agency, "dora").page(f"{here}/review")
    assert review(agency, "dora", proposal_id, page).status_code == 422
    assert review(agency, "dora", proposal_id, page, decision="reject", note="以后再说").status_code == 303
    assert "以后再说" in Browser(agency, "col").page(here)


def test_a_filter_over_many_clients_is_narrowed_by_typing(agency: Agency) -> None:
    with agency.world.runtimes["accounts"].unit_of_work() as uow:
        for number in range(FIRST + 20):
            create_client(
                uow,
                name=f"Many {number:03}",
                english_name="",
                aliases=[],
                industry="",
                branch="",
                visibility="directory",
                tier="",
                status="active",
            )
    agency.world.settle()
    amy = Browser(agency, "amy")
    last = next(client for client, name in clients_of(agency) if name == f"Many {FIRST + 19:03}")
    for path in ("/proposals/", "/proposals/board", "/proposals/calendar", "/proposals/report"):
        page = amy.page(path)
        assert 'hx-get="/proposals/pick/clients?filter=1"' in page
        offered = re.findall(r'<option value="([^"]+)"', page[page.index('id="filter-client_id"') :])[:FIRST]
        assert offered[0] == agency.ids["Yunling"], "the reader's own clients come first"
        assert last not in page
        assert f'<option value="{last}" selected' in amy.page(f"{path}?client_id={last}")
    narrowed = amy.page(f"/proposals/pick/clients?filter=1&q=many {FIRST + 19}")
    assert re.findall(r'<option value="([^"]*)"', narrowed) == ["", last]
    assert agency.ids["Yunling"] not in Browser(agency, "wally").page(
        "/proposals/pick/clients?filter=1&q=yun"
    )
    assert last not in amy.page(f"/proposals/pick/clients?q=many {FIRST + 19}"), "to write for, not to find"


def version_of(page: str) -> str:
    found = re.search(r'name="version" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def clients_of(agency: Agency) -> list[tuple[str, str]]:
    with agency.world.runtimes["accounts"].database.read() as session:
        return [(one.id, one.name) for one in session.scalars(select(Client))]
