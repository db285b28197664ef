"""The formulas of ranking, with their golden values, and the little that they may depend on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.freshness import decay
from shared.search.query import term_of
from shared.search.ranking import (
    CREDIBILITY,
    RELIABILITY,
    UNKNOWN,
    Ranked,
    freshness_of,
    rating_of,
    weight,
)
from tests.platform.search.conftest import NOW


def ranked(**fields: object) -> Ranked:
    given: dict[str, object] = {
        "id": "a", "kind": "finding", "client": "-", "part": "market_status", "reliability": "B",
        "credibility": 2, "fresh_from": int(NOW.timestamp()), "valid_until": 0,
        "name": "", "title": "", "body": "",
    }  # fmt: skip
    return Ranked(**{**given, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lifetime", "delta", "age", "score"),
    [
        (365, 3, 20, 62),
        (365, 3, 28, 58),
        (365, 3, 31, 56),
        (30, 3.8, 20, 10),
        (365, 3, 365, 0),
        (365, 3, 366, 0),
    ],
)
def test_freshness_golden_values(lifetime: float, delta: float, age: float, score: int) -> None:
    assert round(decay(100, age, lifetime, delta)) == score


def test_freshness_begins_at_the_base() -> None:
    assert decay(80, 0, 365, 3) == 80
    assert decay(80, -5, 365, 3) == 80


@given(st.floats(0, 5000), st.floats(0, 5000), st.floats(1, 4000), st.floats(0.5, 6))
def test_freshness_never_grows_with_age(one: float, other: float, lifetime: float, delta: float) -> None:
    young, old = sorted((one, other))
    assert 100 >= decay(100, young, lifetime, delta) >= decay(100, old, lifetime, delta) >= 0


def test_unknown_ratings_stand_in_the_middle() -> None:
    assert min(RELIABILITY.values()) < UNKNOWN < max(RELIABILITY.values())
    assert min(CREDIBILITY.values()) < UNKNOWN < max(CREDIBILITY.values())
    assert rating_of(ranked(reliability="F", credibility=6)) == rating_of(
        ranked(reliability="", credibility=0)
    )
    assert rating_of(ranked(reliability="F")) > rating_of(ranked(reliability="E"))
    assert rating_of(ranked(credibility=6)) > rating_of(ranked(credibility=4))


def test_what_is_past_its_validity_is_stale_and_still_found() -> None:
    past = int(NOW.timestamp()) - 1
    assert 0 < freshness_of(ranked(valid_until=past), NOW) < freshness_of(ranked(), NOW) == 1


def test_rare_words_weigh_more_than_common_ones() -> None:
    weights = [weight(term_of(word).units[0]) for word in ("的", "中国", "市场", "份额")]
    assert weights == sorted(weights)
    assert (
        weight(term_of("the").units[0])
        < weight(term_of("market").units[0])
        < weight(term_of("zyzzyva").units[0])
    )


def test_a_document_survives_its_packing() -> None:
    made = ranked(title="\x1f市场\x1f\x1f", body="\x1fword\x1f", name="市场 word")
    assert Ranked.unpack(made.pack()) == made
