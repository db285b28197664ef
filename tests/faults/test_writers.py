"""20 people write 10 proposals, two in each section, with lost connections and one kill -9 of the web
process: no keystroke that was shown as saved is lost.

They do what the editor's page does (proposals.js): they save a section whole over the version that they hold,
try again where no answer came, and merge where somebody else was first.
"""

from __future__ import annotations

import html
import http.client
import json
import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from services.accounts import commands as accounts
from shared.tokens import session_cookie
from tests.apart import Apart
from tests.apart import product as a_product
from tests.product import Client, Product, wait_until

pytestmark = pytest.mark.timeout(400)

WRITERS, PROPOSALS = 20, 10
SAVES = 40
"""How often they are told that something is saved, before the kill and again after it."""
PAUSE_SECONDS = 0.6
"""The page waits twice as long after the last keystroke; people pause between words."""
DROPPED = 0.15
"""The share of requests whose connection is lost, half of them before and half after they arrive."""
PATIENCE_SECONDS = 120.0
PATH = "/proposals/v1/proposals"
Answer = tuple[int, str]


class Writer(threading.Thread):
    """One person at the editor's page, who types at the end of a line of their own."""

    def __init__(self, product: Product, token: str, name: str, proposal: dict[str, Any]) -> None:
        super().__init__(name=name, daemon=True)
        self._product, self._dice = product, random.Random(name)
        self._cookies = [f"{session_cookie(tls=False)}={token}"]
        self._page = f"/proposals/{proposal['id']}/edit"
        self._section = proposal["sections"][0]["id"]
        self._form = f"/proposals/{proposal['id']}/sections/{self._section}"
        self._autosave = f"{PATH}/{proposal['id']}/sections/{self._section}"
        self.proposal_id = proposal["id"]
        self._text, self._version, self._token = "", "", ""
        self.shown = f"{name}: "
        self.saves = self.merges = self.losses = 0
        self.stopping = threading.Event()
        self.failure = ""

    def run(self) -> None:
        try:
            self._open()
            while not self.stopping.is_set():
                self._type()
                time.sleep(self._dice.uniform(0.1, 2 * PAUSE_SECONDS))
                self._save()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while self._mine(self._text) != self.shown:
                assert time.monotonic() < deadline, "the last words were never saved"
                self._save()
        except Exception as error:  # whatever ends a writer must fail the test
            self.failure = repr(error)

    def _type(self) -> None:
        old = self._mine(self._text)
        new = old + "".join(self._dice.choices("abcdefgh提案", k=self._dice.randint(1, 4)))
        lines = self._text.split("\n")
        lines[lines.index(old)] = new
        self._text = "\n".join(lines)

    def _mine(self, text: str) -> str:
        """The longest of one's own lines: where two clashed, both versions stand."""
        return max((line for line in text.split("\n") if line.startswith(f"{self.name}: ")), key=len)

    def _save(self) -> None:
        sent = {"heading": "h", "body": self._text, "citations": []}
        headers = {"Content-Type": "application/json", "If-Match": f'"{self._version}"'}
        answer = self._ask("PATCH", self._autosave, json.dumps(sent), headers)
        if answer is None:
            return
        status, text = answer
        if status == 200:
            self._version = str(json.loads(text)["version"])
            self._saved(sent["body"])
        elif status == 412:
            self._merge()
        else:
            assert status == 503, f"{status} {text}"

    def _saved(self, body: Any) -> None:
        self.shown = self._mine(body)
        self.saves += 1

    def _merge(self) -> None:
        """Press Save: the answer is both texts, put together, over the newer version; press it again."""
        page = self._send_form()
        if page is None or page[0] == 503:
            return
        if page[0] == 412:
            self.merges += 1
            self._take(page[1])
            typed = self._text
            page = self._send_form()
            if page is None or page[0] != 200:
                return
            self._saved(typed)
        assert page[0] == 200, page
        self._open()

    def _send_form(self) -> Answer | None:
        fields = {"version": self._version, "heading": "h", "body": self._text.replace("\n", "\r\n")}
        fields |= {"csrf_token": self._token}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "ACM-Form": "1"}
        return self._ask("POST", self._form, urlencode(fields), headers)

    def _open(self) -> None:
        """Load the page anew; what was typed and not saved is restored from the browser, as the page does."""
        while True:
            answer = self._ask("GET", self._page, None, {})
            if answer is not None and answer[0] == 200:
                break
        self._take(answer[1])
        found = re.search(r'name="csrf-token" content="([^"]+)"', answer[1])
        assert found is not None
        self._token = html.unescape(found[1])

    def _take(self, page: str) -> None:
        form = page[page.index(f'action="{self._form}"') :]
        version = re.search(r'name="version" value="(\d+)"', form)
        body = re.search(r'<textarea[^>]*name="body"[^>]*>\n(.*?)</textarea>', form, re.DOTALL)
        assert version is not None
        assert body is not None
        self._version, self._text = version[1], html.unescape(body[1]).replace("\r\n", "\n")

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer | None:
        """The answer; None where the connection was lost."""
        fate = self._dice.random()
        if fate < DROPPED / 2:
            self.losses += 1
            return None
        sent = {
            "Cookie": "; ".join(self._cookies),
            "X-CSRFToken": self._token,
            "Accept-Language": "en",
            **headers,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._product.port_of(path), timeout=20)
        try:
            connection.request(method, path, body and body.encode(), sent)
            if fate < DROPPED:
                self.losses += 1
                return None
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie", []):
                self._cookies[1:] = [cookie.partition(";")[0]]  # what the token of a form belongs to
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.losses += 1
            time.sleep(0.05)
            return None
        finally:
            connection.close()


@pytest.fixture
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with a_product(tmp_path_factory.mktemp("writers")) as running:
        yield running


@pytest.mark.rule("PR2")
def test_no_keystroke_that_was_shown_as_saved_is_lost(product: Product) -> None:
    writers = employ(product)
    for one in writers:
        one.start()
    told_of(writers, SAVES)
    kill_web(product)
    told_of(writers, SAVES)
    for one in writers:
        one.stopping.set()
    for one in writers:
        one.join(PATIENCE_SECONDS + 5)
    assert [one.failure for one in writers if one.failure] == []
    reader = writers[0]
    for one in writers:
        answer = None
        while answer is None:
            answer = reader._ask("GET", f"{PATH}/{one.proposal_id}", None, {})
        text = json.loads(answer[1])["sections"][0]["body"]
        assert any(line.startswith(one.shown.rstrip()) for line in text.split("\n")), (one.name, one.shown)
    losses, merges = sum(one.losses for one in writers), sum(one.merges for one in writers)
    print(f"{sum(one.saves for one in writers)} saves, {losses} lost connections, {merges} merges")
    assert losses > WRITERS
    assert merges > PROPOSALS


def told_of(writers: list[Writer], saves: int) -> None:
    """Wait until they were told so many times more that something is saved."""
    before = sum(one.saves for one in writers)

    def so_often() -> bool:
        assert [one.failure for one in writers if one.failure] == []
        return sum(one.saves for one in writers) >= before + saves

    wait_until(so_often, PATIENCE_SECONDS, "words are saved")


def kill_web(product: Product) -> None:
    """kill -9 of the process that serves proposals; it starts again."""
    if isinstance(product, Apart):
        product.end("serve", "proposals", signal.SIGKILL)
        product.begin("serve", "proposals")
    else:
        product.kill("web")


def employ(product: Product) -> list[Writer]:
    """20 people on one client, two at each of 10 proposals."""
    client_id = product.client("admin").make("/accounts/v1/clients", {"name": "青鸟饮料"})["id"]
    people = {}
    with product.runtimes["accounts"].unit_of_work() as uow:
        for number in range(WRITERS):
            name = f"w{number}"
            person = accounts.add_person(uow, username=name, name=name, email="", roles=[], branch="")
            people[name] = person.id
            accounts.assign(uow, client_id=client_id, person_id=person.id, role="CAE")
    wait_until(product.rests, 30, "the team is known everywhere")
    tokens = {name: product.token(name) for name in people}
    wait_until(product.rests, 30, "the tokens are known everywhere")
    names = list(people)
    writers = []
    for number in range(PROPOSALS):
        pair = names[number], names[PROPOSALS + number]
        lines = f"{pair[0]}: \n-\n-\n-\n{pair[1]}: \n-"
        body = {"kind": "client", "client_id": client_id, "title": "t"}
        body["sections"] = [{"heading": "h", "body": lines}]
        made = Client(product.port_of, tokens[pair[0]]).make(PATH, body)
        writers += [Writer(product, tokens[name], name, made) for name in pair]
    return writers
