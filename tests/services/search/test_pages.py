"""The page of what was found, and the list below the search box."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from services.search.pages import marked
from shared.testing import world as make_world
from tests.services.search.conftest import Desk, furnish


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with make_world(tmp_path_factory.mktemp("desk")) as world:
        made = furnish(world)
        made.finding(
            "份额<b>上升</b>", "低温奶的市场份额&价格 <script>", client="云岭乳业", valid_until="2026-01-31"
        )
        for n in range(30):
            made.finding(f"第 {n} 次价格调查", client="云岭乳业", method=("interview", "survey")[n % 2])
        made.world.settle()
        yield made


def _page(desk: Desk, path: str, *, by: str = "anna", language: str = "en", status: int = 200) -> str:
    answer = desk.api(by).get(path, headers={"Accept-Language": language})
    assert answer.status_code == status
    return str(answer.get_data(as_text=True))


def test_marks_stand_in_escaped_text(desk: Desk) -> None:
    html = _page(desk, "/search?q=份额")
    assert "<mark>份额</mark>&lt;b&gt;上升&lt;/b&gt;" in html
    assert "市场<mark>份额</mark>&amp;价格 &lt;script&gt;" in html
    assert marked("a<b", [(1, 2)]) == "a<mark>&lt;</mark>b"


def test_a_hit_shows_what_it_is_worth(desk: Desk) -> None:
    html = _page(desk, "/search?q=份额&kind=finding")
    for shown in (
        "TLP:AMBER",
        "Usually reliable",
        "Probably true",
        "Expired",
        "Freshness",
        "云岭乳业",
        "乳业周刊 Dairy Weekly",
    ):
        assert shown in html


def test_facets_keep_the_question_and_filters_can_be_removed(desk: Desk) -> None:
    html = _page(desk, "/search?q=价格&kind=finding&sort=newest")
    link = re.search(r'href="([^"]+)" title="Survey method"', html)
    assert link is not None
    assert "q=%E4%BB%B7%E6%A0%BC&amp;kind=finding&amp;sort=newest&amp;method=survey" in link[1]
    assert "Remove the filter Kind: Finding" in html
    narrowed = _page(desk, link[1].replace("&amp;", "&"))
    assert "15 records" in narrowed


def test_the_pager_leads_on(desk: Desk) -> None:
    html = _page(desk, "/search?q=价格&limit=20")
    link = re.search(r'rel="next" href="([^"]+)"', html)
    assert link is not None
    assert len(re.findall("data-hit", _page(desk, link[1].replace("&amp;", "&")))) == 11


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/search?q=份额 斑马线", "“斑马线”"),
        ("/search?q=份额&method=survey", "Without “Method”"),
        ("/search?q=client:无名", "You see no client by the name “无名”."),
        ("/search?q=weeekly", "was read as"),
    ],
)
def test_an_empty_or_loosened_answer_explains_itself(desk: Desk, path: str, said: str) -> None:
    assert said in _page(desk, path)


def test_the_next_step_leads_to_something(desk: Desk) -> None:
    html = _page(desk, "/search?q=份额 斑马线")
    link = re.search(r'<a href="([^"]+)">Ask without it', html)
    assert link is not None
    assert "data-hit" in _page(desk, link[1])


def test_a_wrong_date_keeps_the_rest_and_says_so(desk: Desk) -> None:
    html = _page(desk, "/search?q=价格&from=yesterday", status=422)
    assert "Collected from:" in html
    assert 'value="价格"' in html
    assert "data-hit" in html


def test_the_page_speaks_chinese(desk: Desk) -> None:
    html = _page(desk, "/search?q=价格", language="zh")
    for shown in ("31 条记录", "缩小范围", "导出为 CSV", "最相关", "如何查询", "截至"):
        assert shown in html


def test_the_export_asks_the_same_question(desk: Desk) -> None:
    html = _page(desk, "/search?q=价格&method=survey")
    assert "/search/v1/documents.csv?q=%E4%BB%B7%E6%A0%BC&amp;method=survey" in html


def test_the_search_box_suggests_what_the_reader_may_see(desk: Desk) -> None:
    html = _page(desk, "/search/suggest?q=云")
    assert 'role="option"' in html
    assert f'data-url="/accounts/clients/{desk.ids["云岭乳业"]}"' in html
    assert "<html" not in html
    assert _page(desk, "/search/suggest?q=云", by="audie").strip() == ""


def test_nobody_signed_in_is_led_to_the_sign_in(desk: Desk) -> None:
    answer = desk.world.client("/search").get("/search?q=价格")
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in?next=")
