"""Engines and services die under four writers; afterwards everything that was said to be saved is found.

Runs where the suites run on real engines, with engines of its own to kill. Each service's web and worker are
processes of their own, which start again at once when they are killed, as containers do.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from shared.testing import on_real_engines
from tests import engines
from tests.apart import Apart
from tests.faults.agency import Agency, Work, check_invariants
from tests.platform.pages.agency import served
from tests.product import wait_until

pytestmark = [
    pytest.mark.skipif(not on_real_engines(), reason="kills real engines; see make test-engines"),
    pytest.mark.timeout(900),
]
OUTAGE_SECONDS = 60.0
CATCH_UP_SECONDS = 3 * OUTAGE_SECONDS
"""Within which all that four writers wrote meanwhile is sent, handled and indexed (INV6)."""
ABSENCE_SECONDS = 60.0
# For each service a page, and what is read or, where something is made, written meanwhile.
USES: dict[str, tuple[str, str, Callable[[Agency, str], dict[str, Any]] | None]] = {
    "accounts": ("/accounts/clients", "/accounts/v1/clients?limit=1", None),
    "intelligence": ("/intelligence/findings", "/intelligence/v1/findings", Agency.finding),
    "portal": ("/", "/portal/v1/sessions", None),
    "proposals": ("/proposals/", "/proposals/v1/proposals", Agency.proposal),
    "search": ("/search?q=canary", "/search/v1/documents?q=canary", None),
}
HOME_PANELS = ("accounts", "intelligence", "proposals")
PROCESSES = {
    "web": ("serve", "intelligence"),
    "relay": ("work", "intelligence"),
    "consumer": ("work", "search"),
}


class Deployment:
    """The engines and the product on them."""

    def __init__(self, folder: Path) -> None:
        self.engines = {name: engines.engine(name, folder / name) for name in engines.RECIPES}
        try:
            for engine in self.engines.values():
                engine.launch()
            for engine in self.engines.values():
                engine.wait()
            addresses = {
                "ACM_DATABASE_URL": self.engines["postgres"].address,
                "ACM_LOG_URL": f"kafka://{self.engines['kafka'].address}",
                "ACM_SEARCH_URL": self.engines["elasticsearch"].address,
            }
            self.product = Apart(folder / "home", addresses)
            self.product.start()
            self.agency = Agency(self.product)
        except BaseException:
            self.stop()
            raise

    def kill(self, victim: str) -> None:
        """kill -9, and start again."""
        if victim in self.engines:
            self.engines[victim].kill()
            self.engines[victim].start()
            return
        role, service = PROCESSES[victim]
        self.product.end(role, service, signal.SIGKILL)
        self.product.begin(role, service)

    def stop(self) -> None:
        """End everything and leave nothing."""
        if hasattr(self, "product"):
            self.product.stop()
        for engine in self.engines.values():
            engine.stop(purge=True)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("engines"))
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize("victim", ["web", "relay", "consumer", "kafka", "elasticsearch", "postgres"])
def test_invariants_hold_after_kill(deployed: Deployment, victim: str) -> None:
    work = Work(deployed.agency)
    deployed.kill(victim)
    answered = work.go_on(40, 120)
    work.stop()
    healed = deployed.agency.heal(CATCH_UP_SECONDS)
    check_invariants(deployed.agency, work.saved)
    print(f"{victim}: {len(work.saved)} saved, 40 more after {answered:.1f} s, healed in {healed:.1f} s")


@pytest.mark.parametrize("engine", ["kafka", "elasticsearch"])
def test_writes_are_answered_while_an_engine_is_down(deployed: Deployment, engine: str) -> None:
    work = Work(deployed.agency)
    deployed.engines[engine].kill()
    down = time.monotonic()
    wait_until(lambda: time.monotonic() > down + OUTAGE_SECONDS, OUTAGE_SECONDS + 1, "the outage is over")
    deployed.engines[engine].start()
    tenths = OUTAGE_SECONDS / 10
    each = [work.saved_between(down + n * tenths, down + (n + 1) * tenths) for n in range(10)]
    assert min(each) > 0, f"writes in each tenth of the outage: {each}"
    work.stop()
    healed = deployed.agency.heal(CATCH_UP_SECONDS)
    check_invariants(deployed.agency, work.saved)
    print(f"{engine} down {OUTAGE_SECONDS:.0f} s: {sum(each)} writes meanwhile, healed in {healed:.1f} s")


@pytest.mark.parametrize("stopped", sorted(USES))
def test_the_others_go_on_and_say_what_is_missing(
    deployed: Deployment, chromium: Browser, stopped: str
) -> None:
    product, writer = deployed.product, deployed.agency.writers[0]
    for role in ("serve", "work"):
        product.end(role, stopped)
    until = time.monotonic() + ABSENCE_SECONDS
    rounds = 0
    while time.monotonic() < until or not rounds:
        for service, (page, path, made) in USES.items():
            if service == stopped:
                continue
            sent = made(deployed.agency, f"while {stopped} is away, {rounds}") if made else None
            for method, where, what in (("GET", page, None), ("POST" if sent else "GET", path, sent)):
                status, said, _ = writer.send(method, where, what)
                assert status in (200, 201), f"{where} without {stopped}: {status} {said[:300]!r}"
        rounds += 1
    if stopped in HOME_PANELS:
        with served(product.gateway()) as address:
            context = chromium.new_context(base_url=address, extra_http_headers=writer.headers)
            screen = context.new_page()
            screen.goto("/")
            expect(screen.get_by_text("Not available right now.").first).to_be_visible()
            context.close()
    for role in ("serve", "work"):
        product.begin(role, stopped)
    wait_until(lambda: product.ready(stopped), 60, f"{stopped} is ready again")
    deployed.agency.heal(CATCH_UP_SECONDS)
