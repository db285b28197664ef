"""kill -9 under concurrent writers: nothing that was said to be saved is lost, doubled or wrongly shown.

`ACM_FAULT_ROUNDS` says how often each process is killed in one run (once by default).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

import pytest

from tests.apart import product as a_product
from tests.faults.agency import Agency, Work, check_invariants

ROUNDS = int(os.environ.get("ACM_FAULT_ROUNDS", "1"))

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agency]:
    with a_product(tmp_path_factory.mktemp("faults")) as product:
        yield Agency(product)


@pytest.mark.parametrize("round_number", range(ROUNDS))
@pytest.mark.parametrize("victim", ["web", "worker", "all"])
def test_invariants_hold_after_kill(agency: Agency, victim: str, round_number: int) -> None:
    work = Work(agency)
    time.sleep(random.Random(f"{victim}-{round_number}").uniform(0, 0.5))  # a random moment, not a wait
    agency.product.kill(victim)
    if victim == "all":
        agency.product.start()
    answered = work.go_on(40, 60)
    work.stop()
    healed = agency.heal()
    check_invariants(agency, work.saved)
    print(f"{victim}: {len(work.saved)} saved, answered after {answered:.1f} s, healed in {healed:.1f} s")
