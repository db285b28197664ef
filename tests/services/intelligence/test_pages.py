"""The screens: capture within half a minute, the pages of findings, sources and dossiers, both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from shared.pages import missing_translations
from tests.services.visiting import every

from .conftest import FINDINGS, Agency, Browser

CAPTURE = "/intelligence/capture"


def typed(agency: Agency, **fields: Any) -> dict[str, Any]:
    """What the capture form sends when only the needful was typed."""
    return {
        "client_id": agency.ids["Yunling"],
        "source_id": agency.ids["panel"],
        "title": "低温奶增长 12%",
        "quote": "“同比增长 12%”",
        "part": "market_status",
        "method": "intelligence",
        "credibility": "6",
        "label": "TLP:AMBER+STRICT",
        **fields,
    }


def newest(agency: Agency, by: str) -> dict[str, Any]:
    found: dict[str, Any] = agency.api(by).get(FINDINGS, query_string={"author": "me"}).get_json()["items"][0]
    return found


def test_every_message_has_its_chinese() -> None:
    assert missing_translations(Path("services/intelligence")) == []


def test_x1_capture_stores_tells_and_offers_the_next_with_client_and_source_kept(agency: Agency) -> None:
    ann = Browser(agency, "ann")
    answer = ann.send(CAPTURE, typed(agency))
    assert answer.status_code == 303
    assert answer.headers["Location"] == CAPTURE
    stored = newest(agency, "ann")
    assert (stored["title"], stored["quote"], stored["state"]) == (
        "低温奶增长 12%",
        "“同比增长 12%”",
        "submitted",
    )
    page = ann.page(CAPTURE)
    assert f'href="/intelligence/findings/{stored["id"]}"' in page, "the notice links to what was saved"
    assert "findings on Yunling" in page
    for kept in ("Yunling", "panel"):
        assert re.search(f'<option value="{agency.ids[kept]}" selected>', page), kept
    quote = re.search(r'<textarea[^>]*id="field-quote"[^>]*>', page)
    assert quote is not None
    assert "autofocus" in quote[0], "the next quote can be pasted at once"
    assert 'data-keep="finding-new"' in page
    assert 'name="idempotency_key"' in page


def test_capture_as_a_draft(agency: Agency) -> None:
    Browser(agency, "ann").send(CAPTURE, typed(agency, title="half known", draft="true"))
    assert newest(agency, "ann")["state"] == "draft"


def test_capture_adds_a_source_inline_and_both_or_neither_are_stored(agency: Agency) -> None:
    ann = Browser(agency, "ann")
    new = {
        "source_id": "",
        "new_source_name": "店访记录",
        "new_source_kind": "interview",
        "new_source_own": "true",
    }
    assert ann.send(CAPTURE, typed(agency, **new)).status_code == 303
    source = (
        agency.api("ann").get(f"/intelligence/v1/sources/{newest(agency, 'ann')['source_id']}").get_json()
    )
    assert (source["name"], source["client_id"]) == ("店访记录", agency.ids["Yunling"])
    refused = ann.send(CAPTURE, typed(agency, **new | {"new_source_name": "orphan"}, title=""))
    assert refused.status_code == 422
    assert "orphan" in refused.get_data(as_text=True)
    assert every(agency.api("ann"), "/intelligence/v1/sources", name="orphan") == []
    wrong = ann.send(CAPTURE, typed(agency, **new | {"new_source_url": "javascript:x"}))
    assert 'id="field-new_source_url-error"' in wrong.get_data(as_text=True)


def test_a_refused_capture_keeps_what_was_typed(agency: Agency) -> None:
    answer = Browser(agency, "ann").send(
        CAPTURE, typed(agency, title="", quote="typed at length", credibility="1")
    )
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "typed at length" in page
    assert 'id="field-title-error"' in page


def test_sending_the_same_form_twice_stores_once(agency: Agency) -> None:
    ann = Browser(agency, "ann")
    for _ in range(2):
        assert ann.send(CAPTURE, typed(agency, title="twice", idempotency_key="form-1")).status_code == 303
    assert [f["title"] for f in every(agency.api("ann"), FINDINGS)].count("twice") == 1


def test_who_writes_red_stays_among_its_readers(agency: Agency) -> None:
    answer = Browser(agency, "ann").send(
        CAPTURE, typed(agency, label="TLP:RED", recipients=[agency.who("amy")])
    )
    assert answer.status_code == 303
    assert newest(agency, "ann")["recipients"] == [agency.who("amy"), agency.who("ann")]


def test_capture_offers_only_clients_that_the_writer_clears(agency: Agency) -> None:
    assert agency.ids["Yunling"] in Browser(agency, "ann").page(CAPTURE)
    for other in ("wally", "col"):
        browser = Browser(agency, other)
        for path in (
            CAPTURE,
            "/intelligence/pick/clients?q=yun",
            f"{CAPTURE}?client={agency.ids['Yunling']}",
        ):
            assert f'value="{agency.ids["Yunling"]}"' not in browser.page(path), (other, path)
    assert Browser(agency, "audie").get(CAPTURE).status_code == 403
    assert Browser(agency, "wally").send(CAPTURE, typed(agency)).status_code == 422
    assert Browser(agency, "col").send(CAPTURE, typed(agency)).status_code == 403


@pytest.mark.parametrize("door", ["/intelligence/pick/sources?q=own", "/intelligence/sources"])
def test_pickers_show_no_hidden_source(agency: Agency, door: str) -> None:
    own = agency.source("own pages", client_id=agency.ids["Yunling"])
    assert own in Browser(agency, "amy").page(door)
    assert own not in Browser(agency, "col").page(door)


# --- a finding's page --------------------------------------------------------------------------------------


def buttons(agency: Agency, finding: dict[str, Any], by: str) -> set[str]:
    page = Browser(agency, by).page(f"/intelligence/findings/{finding['id']}")
    return set(re.findall(rf'(?:action|href)="/intelligence/findings/{finding["id"]}/(\w+)"', page))


def test_the_page_offers_what_its_reader_may_do_now(agency: Agency) -> None:
    finding = agency.finding("ann", label="TLP:GREEN")
    assert buttons(agency, finding, "ann") == {"correct", "dispute", "retract"}
    assert buttons(agency, finding, "amy") == {"verify", "correct", "dispute", "retract"}
    assert buttons(agency, finding, "col") == {"dispute"}
    assert "somebody else verifies it" in Browser(agency, "ann").page(
        f"/intelligence/findings/{finding['id']}"
    )
    draft = agency.finding("ann", draft=True)
    assert buttons(agency, draft, "amy") == {"edit", "submit"}


def test_steps_are_taken_from_the_page_and_refusals_keep_the_reason(agency: Agency) -> None:
    finding = agency.finding("ann", label="TLP:GREEN")
    path = f"/intelligence/findings/{finding['id']}"
    assert Browser(agency, "amy").send(path, {}, to=f"{path}/verify").headers["Location"] == path
    assert Browser(agency, "col").send(path, {}, to=f"{path}/verify").status_code == 403
    refused = Browser(agency, "col").send(path, {"reason": " "}, to=f"{path}/dispute")
    assert refused.status_code == 422
    assert "Say why" in refused.get_data(as_text=True)
    assert Browser(agency, "col").send(path, {"reason": "两数不合"}, to=f"{path}/dispute").status_code == 303
    page = Browser(agency, "amy").page(path)
    assert "两数不合" in page
    assert Browser(agency, "amy").send(path, {}, to=f"{path}/submit").status_code == 409
    assert Browser(agency, "wally").get(path).status_code == 404


def test_what_people_wrote_is_shown_as_text(agency: Agency) -> None:
    finding = agency.finding("ann", title="<b>x</b>", body="<script>1</script>", quote="a\n<i>b</i>")
    page = Browser(agency, "ann").page(f"/intelligence/findings/{finding['id']}")
    assert not re.search(r"<b>x|<script>1|<i>b", page)
    assert "a<br>&lt;i&gt;b" in page


def test_a_draft_is_edited_submitted_and_guarded_against_a_stale_form(agency: Agency) -> None:
    draft = agency.finding("ann", draft=True, title="v1", recipients=[agency.who("rita")])
    path = f"/intelligence/findings/{draft['id']}/edit"
    fields = typed(agency, title="v2", version=1, recipients=[agency.who("rita")])
    assert Browser(agency, "amy").send(path, fields).status_code == 303
    assert Browser(agency, "ann").send(path, fields).status_code == 412
    assert Browser(agency, "ann").send(path, fields | {"version": 2, "submit": "true"}).status_code == 303
    stored = agency.read(draft, "ann").get_json()
    assert (stored["title"], stored["state"]) == ("v2", "submitted")
    assert stored["collected_at"] == draft["collected_at"], "a form without the day leaves it"
    assert Browser(agency, "ann").get(path).status_code == 409


def test_a_correction_by_form_keeps_what_its_writer_could_not_see(agency: Agency) -> None:
    hidden = agency.finding("amy", label="TLP:RED", recipients=[agency.who("amy")])
    old = agency.finding("amy", corroborated_by=[hidden["id"]])
    path = f"/intelligence/findings/{old['id']}/correct"
    assert hidden["id"] not in Browser(agency, "ann").page(path)
    answer = Browser(agency, "ann").send(path, typed(agency, title="better", version=1, reason="typo"))
    new = answer.headers["Location"].rpartition("/")[2]
    assert agency.read({"id": new}, "amy").get_json()["corroborated_by"] == [hidden["id"]]
    assert Browser(agency, "col").get(path).status_code == 404


def test_warnings_and_supersede_links_are_on_the_page(agency: Agency) -> None:
    other = agency.finding(source_id=agency.ids["weekly"], title="the other one")
    confirmed = agency.finding(credibility=1, corroborated_by=[other["id"]])
    agency.take("retract", other, "ann", reason="wrong")
    page = Browser(agency, "amy").page(f"/intelligence/findings/{confirmed['id']}")
    assert "was retracted" in page
    assert "credibility 1 no longer holds" in page
    new = agency.take("correct", confirmed, "ann", credibility=2).get_json()
    assert new["id"] in Browser(agency, "amy").page(f"/intelligence/findings/{confirmed['id']}")
    assert confirmed["id"] in Browser(agency, "amy").page(f"/intelligence/findings/{new['id']}")


# --- the other pages ---------------------------------------------------------------------------------------


def test_a_source_page_explains_independence(agency: Agency) -> None:
    page = Browser(agency, "col").page(f"/intelligence/sources/{agency.ids['reprint']}")
    assert "never confirm each other" in page
    assert agency.ids["weekly"] in page
    assert "independent origin" in page
    assert agency.ids["reprint"] in Browser(agency, "col").page(
        f"/intelligence/sources/{agency.ids['weekly']}"
    )


def test_a_source_is_added_and_changed_by_form(agency: Agency) -> None:
    col = Browser(agency, "col")
    made = col.send("/intelligence/sources/new", {"name": "县志", "reliability": "C", "kind": "document"})
    path = made.headers["Location"]
    assert col.send(f"{path}/edit", {"name": "县志", "reliability": "B", "version": 1}).status_code == 303
    assert col.send(f"{path}/edit", {"name": "县志", "reliability": "A", "version": 1}).status_code == 412
    assert "B · Usually reliable" in re.sub(r"<[^>]+>", "", col.page(path))
    wrong = col.send("/intelligence/sources/new", {"name": "x", "reliability": "C", "url": "ftp://x"})
    assert wrong.status_code == 422


def test_the_dossier_page_and_panels(agency: Agency) -> None:
    finding = agency.finding("ann", part="company_basics", title="on the dossier")
    client = agency.ids["Yunling"]
    for path in (f"/intelligence/clients/{client}", f"/intelligence/panels/client/{client}"):
        assert finding["id"] in Browser(agency, "amy").page(path)
        assert finding["id"] not in Browser(agency, "col").page(path)
        assert f"{CAPTURE}?client={client}" in Browser(agency, "ann").page(path)
        assert f"{CAPTURE}?client={client}" not in Browser(agency, "col").page(path)
    past = Browser(agency, "amy").page(f"/intelligence/clients/{client}?known_on=2020-01-01")
    assert finding["id"] not in past


def test_the_home_panel_shows_what_needs_the_reader(agency: Agency) -> None:
    agency.client("Fresh")
    agency.seat("Fresh", "rita", "CAE")
    agency.seat("Fresh", "leo", "AM")
    about = {"client_id": agency.ids["Fresh"]}
    waiting = agency.finding("rita", **about)
    disputed = agency.finding("rita", **about)
    agency.take("dispute", disputed, "leo", reason="doubt")
    draft = agency.finding("rita", **about, draft=True)
    stale = agency.finding("rita", **about, collected_at="2020-01-01T00:00:00Z")

    def needs(by: str) -> set[str]:
        page = Browser(agency, by).page("/intelligence/panels/home")
        return {one["id"] for one in (waiting, disputed, draft, stale) if one["id"] in page}

    assert needs("leo") == {waiting["id"], disputed["id"], stale["id"]}
    assert needs("rita") == {draft["id"], stale["id"]}, "nobody is asked to verify what they wrote"
    assert needs("col") == set()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_stands_in_both_languages(agency: Agency, language: str) -> None:
    finding = agency.finding("ann", valid_from="2026-01-01")
    browser = Browser(agency, "amy", language=language)
    for path in (
        CAPTURE,
        "/intelligence/findings",
        f"/intelligence/findings?client_id={agency.ids['Yunling']}&state=submitted&author=me",
        f"/intelligence/findings/{finding['id']}",
        f"/intelligence/findings/{finding['id']}/correct",
        "/intelligence/sources",
        "/intelligence/sources/new",
        f"/intelligence/sources/{agency.ids['panel']}",
        f"/intelligence/sources/{agency.ids['panel']}/edit",
        f"/intelligence/clients/{agency.ids['Yunling']}",
    ):
        heading = re.search(r"<h1[^>]*>(.*?)</h1>", browser.page(path), re.DOTALL)
        assert heading is not None, path
        if heading[1] not in ("panel", finding["title"]):
            assert bool(re.search("[一-鿿]", heading[1])) == (language == "zh"), f"{path}: {heading[1]}"
