"""The demo agency is complete, consistent and bilingual, and asks nothing that the services refuse."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from demo.load import DATA, Client, Demo, DemoError, Finding, load

TODAY = date(2026, 11, 25)
ROLES = {
    "director", "salesperson", "sales_clerk", "department_manager", "branch_manager", "finance",
    "warehouse_keeper", "technical_support", "leadership", "administrator", "auditor",
}  # fmt: skip
PARTS = {
    "company_basics", "business_philosophy", "market_status", "marketing_plan",
    "competitor", "dealer", "end_user", "product",
}  # fmt: skip
METHODS = {"intelligence", "interview", "survey"}
LABELS = {"TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"}
FINDING_FIELDS = {
    "client_id", "market", "part", "title", "body", "method", "source_id", "corroborated_by", "credibility",
    "label", "recipients", "quote", "locator", "valid_from", "valid_until", "collected_at", "draft",
}  # fmt: skip
YUNLING = "findings/01-yunling-dairy.toml"
HAN = re.compile(r"[\u4e00-\u9fff]")
TRADITIONAL = re.compile(r"[門銷產價營員業務買賣實關從費這還]")


@pytest.fixture(scope="module")
def demo() -> Demo:
    return load(TODAY)


def _current(client: Client, roles: tuple[str, ...] = ("CAE", "AM", "AD")) -> set[str]:
    return {
        seat["person_id"]
        for seat in client.assignments
        if seat["role"] in roles
        and seat["from"] <= TODAY.isoformat()
        and (seat["until"] is None or seat["until"] > TODAY.isoformat())
    }


def _bound(client: Client, cooling_off_days: int) -> set[str]:
    """Who is on the team, or was within the cooling-off."""
    cooled = (TODAY - timedelta(days=cooling_off_days)).isoformat()
    return {
        seat["person_id"]
        for seat in client.assignments
        if seat["from"] <= TODAY.isoformat() and (seat["until"] is None or seat["until"] > cooled)
    }


def _clients(demo: Demo) -> dict[str, Client]:
    return {client.slug: client for client in demo.clients}


def _roles(demo: Demo) -> dict[str, set[str]]:
    return {person.username: set(person.body["roles"]) for person in demo.people}


def _is_chinese(finding: Finding) -> bool:
    return len(HAN.findall(finding.body["body"])) * 4 > len(finding.body["body"])


# --- the agency --------------------------------------------------------------------------------------------


def test_agency_has_12_to_14_people_in_all_roles(demo: Demo) -> None:
    assert 12 <= len(demo.people) <= 14
    roles = [role for person in demo.people for role in person.body["roles"]]
    assert set(roles) == ROLES
    for unique in ("director", "administrator", "auditor"):
        assert roles.count(unique) == 1
    assert _roles(demo)["admin"] == {"administrator"}


def test_twelve_clients_in_five_industries_with_aliases_and_contacts(demo: Demo) -> None:
    assert len(demo.clients) == 12
    assert len({client.body["industry"] for client in demo.clients}) == 5
    assert {client.body["branch"] for client in demo.clients} == {"上海", "北京", "广州"}
    assert {client.body["tier"] for client in demo.clients} == {"A", "B", "C"}
    assert {client.body["status"] for client in demo.clients} == {"prospect", "active", "dormant", "former"}
    assert any(client.body["visibility"] == "team" for client in demo.clients)
    assert sum(client.body["parent_id"] is not None for client in demo.clients) >= 2
    for client in demo.clients:
        assert HAN.search(client.body["name"])
        assert client.body["english_name"].isascii()
        assert 2 <= len(client.body["aliases"]) <= 4
        assert 2 <= len(client.contacts) <= 4


def test_names_and_aliases_belong_to_one_client_each(demo: Demo) -> None:
    names = Counter(
        name for c in demo.clients for name in {c.body["name"], c.body["english_name"], *c.body["aliases"]}
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_assignments_past_open_and_future(demo: Demo) -> None:
    seats = [seat for client in demo.clients for seat in client.assignments]
    assert {seat["role"] for seat in seats} == {"CAE", "AM", "AD"}
    assert sum(seat["until"] is not None and seat["until"] < TODAY.isoformat() for seat in seats) >= 3
    assert sum(seat["from"] > TODAY.isoformat() for seat in seats) == 1
    assert all(seat["until"] is None or seat["from"] < seat["until"] for seat in seats)


def test_wall_has_disjoint_teams_and_somebody_who_cools_off(demo: Demo) -> None:
    (wall,) = demo.walls
    one, other = (_clients(demo)[slug] for slug in wall["client_ids"])
    assert one.body["industry"] == other.body["industry"]
    assert wall["cooling_off_days"] == 90
    assert not _bound(one, 90) & _bound(other, 90)
    assert _bound(one, 90) - _current(one), "nobody is cooling off"


def test_walled_competitors_are_never_named_in_each_others_findings(demo: Demo) -> None:
    clients = _clients(demo)
    for slugs in (demo.walls[0]["client_ids"], demo.walls[0]["client_ids"][::-1]):
        body = clients[slugs[1]].body
        names = [body["name"], body["english_name"], *body["aliases"]]
        for finding in demo.findings:
            if finding.body["client_id"] in (slugs[0], None):
                text = finding.body["title"] + finding.body["body"] + finding.reason
                assert not [name for name in names if name in text], finding.slug


# --- sources -----------------------------------------------------------------------------------------------


def test_sources_of_every_reliability_some_repeating_others_some_of_a_client(demo: Demo) -> None:
    assert len(demo.sources) >= 25
    assert {source.body["reliability"] for source in demo.sources} == set("ABCDEF")
    origins = Counter(source.body["origin_id"] for source in demo.sources if source.body["origin_id"])
    assert sum(origins.values()) >= 5
    assert max(origins.values()) >= 2, "no origin is repeated twice"
    assert sum(source.body["client_id"] is not None for source in demo.sources) >= 10


def test_findings_cite_public_sources_or_those_of_their_own_client(demo: Demo) -> None:
    owners = {source.slug: source.body["client_id"] for source in demo.sources}
    for finding in demo.findings:
        assert owners[finding.body["source_id"]] in (None, finding.body["client_id"]), finding.slug


# --- findings ----------------------------------------------------------------------------------------------


def test_two_hundred_findings_ten_of_them_on_markets(demo: Demo) -> None:
    assert len(demo.findings) == 200
    assert sum(finding.body["client_id"] is None for finding in demo.findings) == 10
    assert {f.body["client_id"] for f in demo.findings} - {None} == set(_clients(demo))


def test_findings_cover_parts_methods_labels_and_credibility(demo: Demo) -> None:
    bodies = [finding.body for finding in demo.findings]
    assert {body["part"] for body in bodies} == PARTS
    assert {body["method"] for body in bodies} == METHODS
    assert {body["label"] for body in bodies} == LABELS
    assert {body["credibility"] for body in bodies} == {1, 2, 3, 4, 5, 6}
    for client in demo.clients:
        assert {body["part"] for body in bodies if body["client_id"] == client.slug} == PARTS, client.slug


def test_finding_bodies_hold_only_fields_of_the_api(demo: Demo) -> None:
    for finding in demo.findings:
        assert set(finding.body) <= FINDING_FIELDS, finding.slug
        assert set(finding.correction or {}) <= {"title", "body"}, finding.slug


def test_final_states(demo: Demo) -> None:
    states = Counter(finding.state for finding in demo.findings)
    assert 55 <= states["verified"] <= 65
    assert (states["disputed"], states["retracted"], states["corrected"], states["draft"]) == (6, 4, 5, 6)
    assert states["submitted"] > 100
    for finding in demo.findings:
        assert bool(finding.reason) == (finding.state in ("disputed", "retracted", "corrected")), finding.slug
        assert (finding.correction is not None) == (finding.state == "corrected"), finding.slug
        assert bool(finding.body.get("draft")) == (finding.state == "draft"), finding.slug


def test_credibility_one_rests_on_two_independent_origins(demo: Demo) -> None:
    findings = {finding.slug: finding for finding in demo.findings}
    confirmed = [finding for finding in demo.findings if finding.body["credibility"] == 1]
    assert len(confirmed) >= 8
    for finding in confirmed:
        witnesses = [findings[slug] for slug in finding.body["corroborated_by"]]
        assert all(w.state not in ("draft", "retracted", "disputed") for w in witnesses), finding.slug
        assert all(w.body["client_id"] == finding.body["client_id"] for w in witnesses), finding.slug
        cited = {finding.body["source_id"], *(w.body["source_id"] for w in witnesses)}
        assert len({demo.origin(source) for source in cited}) >= 2, finding.slug


def test_a_source_that_repeats_another_shares_its_origin(demo: Demo) -> None:
    assert demo.origin("today-business") == demo.origin("shenjiang-video") == "shenjiang-finance"


def test_red_findings_name_everybody_who_handles_them(demo: Demo) -> None:
    for finding in demo.findings:
        red = finding.body["label"] == "TLP:RED"
        assert bool(finding.body["recipients"]) == red, finding.slug
        if red:
            assert {finding.author, finding.by} - {None} <= set(finding.body["recipients"]), finding.slug


def test_authors_may_capture_and_judges_may_judge_now(demo: Demo) -> None:
    """The services refuse an author outside the team, and a verifier who is the author or holds no seat."""
    roles, clients = _roles(demo), _clients(demo)
    directors = {name for name, held in roles.items() if "director" in held}
    for finding in demo.findings:
        client = clients.get(finding.body["client_id"])
        if client is None:
            assert not {"auditor", "administrator"} & roles[finding.author], finding.slug
            judges = set(roles)
        else:
            leaders = {
                person.username
                for person in demo.people
                if "leadership" in person.body["roles"] and person.body["branch"] == client.body["branch"]
            }
            assert finding.author in _current(client) | directors, finding.slug
            judges = _current(client, ("AM", "AD")) | directors | leaders
        if finding.state == "verified":
            assert finding.by in judges - {finding.author}, finding.slug
        if finding.state == "disputed":
            assert finding.by != finding.author, finding.slug


def test_three_in_five_findings_are_chinese_some_traditional_some_mixed(demo: Demo) -> None:
    chinese = [finding for finding in demo.findings if _is_chinese(finding)]
    assert 0.55 <= len(chinese) / len(demo.findings) <= 0.65
    traditional = [f.slug for f in chinese if len(TRADITIONAL.findall(f.body["body"])) >= 2]
    assert len(traditional) >= 10
    mixed = [f for f in demo.findings if not _is_chinese(f) and HAN.search(f.body["body"])]
    assert len(mixed) >= 5


def test_every_text_is_written_once(demo: Demo) -> None:
    """No template: titles and bodies differ, and so do the openings of the bodies."""
    for texts in (
        [finding.body["title"] for finding in demo.findings],
        [finding.body["body"] for finding in demo.findings],
        [finding.body["body"][:12] for finding in demo.findings],
    ):
        assert [text for text, count in Counter(texts).items() if count > 1] == []


def test_wrapped_lines_are_joined_without_stray_spaces(demo: Demo) -> None:
    for finding in demo.findings:
        assert "\n" not in finding.body["body"], finding.slug
        assert not re.search(r"[\u4e00-\u9fff，。；] [\u4e00-\u9fff]", finding.body["body"]), finding.slug
        assert not re.search(r"[a-z][.,][A-Za-z]{2}", finding.body["body"]), finding.slug


# --- time --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("today", [date(2024, 2, 29), TODAY, date(2031, 1, 1)])
def test_the_demo_never_ages(today: date) -> None:
    demo = load(today)
    newest = datetime(today.year, today.month, today.day, tzinfo=UTC)
    for finding in demo.findings:
        collected = datetime.fromisoformat(finding.body["collected_at"])
        assert newest - timedelta(days=702) <= collected <= newest, finding.slug
        bounds = [finding.body["valid_from"], finding.body["valid_until"]]
        assert None in bounds or bounds[0] < bounds[1], finding.slug
        assert not re.search(r"\{Y", finding.body["title"] + finding.body["body"]), finding.slug
    ages = [newest - datetime.fromisoformat(finding.body["collected_at"]) for finding in demo.findings]
    assert sum(age < timedelta(days=60) for age in ages) >= 40


def test_loading_twice_gives_the_same(demo: Demo) -> None:
    assert load(TODAY) == demo


@pytest.mark.parametrize(("today", "last_year"), [(date(2026, 11, 25), 2025), (date(2027, 2, 1), 2025)])
def test_years_follow_the_day_of_collection(today: date, last_year: int) -> None:
    (revenue,) = (finding for finding in load(today).findings if finding.slug == "yunling-revenue")
    assert revenue.body["body"].startswith(f"云岭乳业{last_year}年")


# --- the loader's refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        (YUNLING, 'source = "dairy-weekly"', 'source = "nobody"', "'nobody' is not a source"),
        (YUNLING, '["yunling-revenue",', '["yunling-yak",', "not an earlier finding"),
        (YUNLING, 'author = "chen.jing"', 'author = "x"', "'x' is not a person"),
        ("findings/13-markets.toml", 'market = "黔东南片区"', "", "one client or to one market"),
        ("clients.toml", 'slug = "helan-dairy"', 'slug = "yunling-dairy"', "there twice"),
        ("sources.toml", 'origin = "dairy-weekly"', 'origin = "audio-trade"', "not an earlier source"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, file: str, old: str, new: str, complaint: str) -> None:
    for known in DATA.rglob("*.toml"):
        copy = tmp_path / known.relative_to(DATA)
        copy.parent.mkdir(exist_ok=True)
        text = known.read_text(encoding="utf-8")
        mended = text.replace(old, new, 1) if known == DATA / file else text
        copy.write_text(mended, encoding="utf-8")
    with pytest.raises(DemoError, match=complaint):
        load(TODAY, tmp_path)


def test_no_public_source_names_a_walled_client(demo: Demo) -> None:
    walled = {slug for wall in demo.walls for slug in wall["client_ids"]}
    names = [
        name
        for client in demo.clients
        if client.slug in walled
        for name in (client.body["name"], client.body["english_name"], *client.body["aliases"])
    ]
    for source in demo.sources:
        if source.body["client_id"] is None:
            told = source.body["name"] + source.body["url"]
            assert not [name for name in names if name.lower() in told.lower()], source.slug
