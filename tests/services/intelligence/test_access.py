"""Who sees a finding: five labels × every relation to the client, asked through every door."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from shared.access import LABELS
from tests.services.visiting import errors, every

from .conftest import FINDINGS, SOURCES, Agency, Browser

CLEAR, GREEN, AMBER, STRICT, RED = LABELS
SEES = {
    "rita": set(LABELS),  # named recipient
    "ann": {CLEAR, GREEN, AMBER, STRICT},  # team, not named
    "amy": {CLEAR, GREEN, AMBER, STRICT},
    "adam": {CLEAR, GREEN, AMBER, STRICT},
    "dora": {CLEAR, GREEN, AMBER, STRICT},  # director
    "lea": {CLEAR, GREEN, AMBER, STRICT},  # leadership of its branch
    "leo": {CLEAR, GREEN},  # leadership of another branch
    "col": {CLEAR, GREEN},  # colleague
    "wally": set(),  # behind the wall
    "audie": set(),  # an auditor's role alone
    "admin": set(),  # an administrator's role alone
}


@pytest.fixture(scope="module")
def labelled(agency: Agency) -> dict[str, dict[str, Any]]:
    """One finding per label, each naming rita."""
    return {
        label: agency.finding("ann", label=label, recipients=[agency.who("rita")], title=f"of {label}")
        for label in LABELS
    }


@pytest.mark.parametrize("reader", SEES)
def test_the_matrix_holds_through_every_door(
    agency: Agency, labelled: dict[str, dict[str, Any]], reader: str
) -> None:
    api, browser = agency.api(reader), Browser(agency, reader)
    listed = {f["id"] for f in every(api, FINDINGS)}
    dossier = api.get(f"/intelligence/v1/clients/{agency.ids['Yunling']}/dossier")
    page = browser.get("/intelligence/findings").get_data(as_text=True)
    for label, finding in labelled.items():
        expected = 200 if label in SEES[reader] else 404
        path = f"{FINDINGS}/{finding['id']}"
        assert api.get(path).status_code == expected, label
        assert api.get(f"{path}/history").status_code == expected, label
        assert api.get(path, query_string={"known_at": "2999-01-01"}).status_code == expected, label
        assert browser.get(f"/intelligence/findings/{finding['id']}").status_code == expected, label
        assert (finding["id"] in listed) == (expected == 200), label
        assert (finding["id"] in page) == (expected == 200), label
        assert (finding["id"] in dossier.get_data(as_text=True)) == (expected == 200), label


def test_what_a_red_finding_says_travels_only_where_search_reads(agency: Agency) -> None:
    secret = {"title": "并购传闻", "body": "尽职调查", "quote": "董事会原话", "locator": "第七页"}
    finding = agency.finding("ann", label=RED, recipients=[agency.who("rita"), agency.who("ann")], **secret)
    rita = agency.api("rita")
    assert (
        agency.api("ann").post(f"{FINDINGS}/{finding['id']}/retract", {"reason": "并非事实"}).status_code
        == 200
    )
    agency.world.publish()
    told = {
        topic: _told(agency, topic, finding["id"]) for topic in ("intelligence", "intelligence.restricted")
    }
    for said in (*secret.values(), "并非事实"):
        assert said not in told["intelligence"]
        assert said in told["intelligence.restricted"]
    assert '"state":"retracted"' in told["intelligence"]
    history = rita.get(f"{FINDINGS}/{finding['id']}/history").get_json()["items"]
    assert [entry["happening"] for entry in history] == ["submitted", "retracted"]
    assert secret.items() <= {c["field"]: c["new"] for c in history[0]["changes"]}.items()
    assert history[1]["reason"] == "并非事实"
    known = rita.get(f"{FINDINGS}/{finding['id']}", query_string={"known_at": "2999-01-01"}).get_json()
    assert secret.items() <= known.items()


def _told(agency: Agency, topic: str, key: str) -> str:
    reader = agency.world.runtimes["intelligence"].log.reader("", [topic])
    position: dict[tuple[str, int], int] = {}
    found = []
    while records := reader.poll(position, 500):
        position[topic, 0] = records[-1].position
        found += [record.envelope for record in records if key in record.envelope]
    reader.close()
    return "\n".join(found)


def test_hidden_unlisted_and_unknown_clients_answer_alike(agency: Agency) -> None:
    unknown = str(uuid.uuid4())

    def told(answer: Any) -> tuple[int, Any]:
        body = answer.get_json()
        body.pop("instance", None)
        return answer.status_code, body

    for hidden in (agency.ids["Yunling"], agency.ids["Secret"]):
        for path in (
            "/intelligence/v1/clients/{}/dossier",
            f"{FINDINGS}?client_id={{}}",
            f"{SOURCES}?client_id={{}}",
        ):
            api = agency.api("wally")
            assert told(api.get(path.format(hidden))) == told(api.get(path.format(unknown))), path
        bodies = [agency.facts(client_id=one) for one in (hidden, unknown)]
        answers = [told(agency.api("wally").post(FINDINGS, body)) for body in bodies]
        assert answers[0] == answers[1]
        assert answers[0][0] == 422
        for page in ("/intelligence/clients/{}", "/intelligence/panels/client/{}"):
            assert Browser(agency, "wally").get(page.format(hidden)).status_code == 404


def test_references_that_may_not_be_seen_are_told_like_unknown_ones(agency: Agency) -> None:
    unknown = str(uuid.uuid4())
    own = agency.source("own", client_id=agency.ids["Yunling"])
    hidden = agency.finding("ann")
    market = {"market": "西南"}
    cases = {
        "source_id": ({"source_id": own}, {"source_id": unknown}),
        "corroborated_by.0": ({"corroborated_by": [hidden["id"]]}, {"corroborated_by": [unknown]}),
        "client_id": ({"client_id": agency.ids["Yunling"]}, {"client_id": unknown}),
    }
    for field, (seen, never) in cases.items():
        answers = [
            errors(
                agency.api("wally").post(
                    FINDINGS, agency.facts(**(market if field != "client_id" else {}), **one)
                )
            )
            for one in (seen, never)
        ]
        assert answers[0] == answers[1], field
        assert set(answers[0]) == {field}
    red = {"label": RED}
    answers = [
        errors(agency.api("ann").post(FINDINGS, agency.facts(**red, recipients=[one])))
        for one in (agency.who("wally"), unknown)
    ]
    assert answers[0] == answers[1], "who is behind the wall is not told from who is nobody"


def test_what_a_finding_refers_to_is_left_out_for_who_may_not_see_it(agency: Agency) -> None:
    own = agency.source("team only", client_id=agency.ids["Yunling"])
    hidden = agency.finding("ann", source_id=own)
    shown = agency.finding("ann", source_id=own, corroborated_by=[hidden["id"]], label=GREEN)
    assert agency.read(shown, "amy").get_json()["corroborated_by"] == [hidden["id"]]
    answer = agency.read(shown, "col")
    assert own not in answer.get_data(as_text=True)
    assert hidden["id"] not in answer.get_data(as_text=True)
    assert own not in str(agency.history(shown, "col"))
    assert hidden["id"] not in str(agency.history(shown, "col"))
    page = Browser(agency, "col").page(f"/intelligence/findings/{shown['id']}")
    assert "team only" not in page
    assert hidden["id"] not in page
    assert every(agency.api("col"), FINDINGS, source_id=own) == [], (
        "a filter must not confirm a hidden source"
    )
    assert every(agency.api("amy"), FINDINGS, source_id=own) != []


def test_taking_a_person_off_the_team_takes_effect_at_once(agency: Agency) -> None:
    agency.world.person("temp")
    seat = agency.seat("Yunling", "temp", "CAE")
    mine = agency.finding("temp")
    assert agency.read(mine, "temp").status_code == 200
    agency.api("admin").make(f"{seat}/end")
    agency.world.settle()
    assert agency.read(mine, "temp").status_code == 404
    assert agency.api("temp").post(FINDINGS, agency.facts()).status_code in (403, 422)


def test_reading_red_is_audited_through_every_door(agency: Agency) -> None:
    red = agency.finding("ann", label=RED, recipients=[agency.who("rita")])
    browser = Browser(agency, "rita")
    doors = [
        lambda: agency.read(red, "rita"),
        lambda: agency.api("rita").get(f"{FINDINGS}/{red['id']}/history"),
        lambda: agency.api("rita").get(FINDINGS),
        lambda: agency.api("rita").get(f"/intelligence/v1/clients/{agency.ids['Yunling']}/dossier"),
        lambda: browser.get(f"/intelligence/findings/{red['id']}"),
        lambda: browser.get("/intelligence/findings"),
        lambda: browser.get(f"/intelligence/clients/{agency.ids['Yunling']}"),
        lambda: browser.get(f"/intelligence/panels/client/{agency.ids['Yunling']}"),
    ]
    for number, door in enumerate(doors, 1):
        assert door().status_code == 200
        assert agency.audited(red["id"]) == ["finding.read"] * number
    agency.read(red, "ann")
    assert len(agency.audited(red["id"])) == len(doors), "a refused read shows nothing"


def test_a_token_that_only_reads_writes_nothing(agency: Agency) -> None:
    finding = agency.finding()
    assert agency.read(finding, "audie").status_code == 404
    assert agency.api("audie").post(FINDINGS, agency.facts(market="m", client_id=None)).status_code == 403
