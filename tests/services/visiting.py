"""A person who reads and sends a service's pages, and a program that walks its lists."""

from __future__ import annotations

import re
from typing import Any, Protocol

from shared.testing import Api, World
from shared.tokens import session_cookie


class Agency(Protocol):
    """A world in which people are known by their usernames."""

    world: World

    def api(self, username: str) -> Api: ...


class Browser:
    """A person who reads and sends the pages of one service. `START`: one of them."""

    START = "/"

    def __init__(self, agency: Agency, username: str, *, language: str = "en") -> None:
        self._client = agency.world.client(self.START)
        self._client.set_cookie(session_cookie(tls=False), agency.api(username).token)
        self._headers = {"Accept-Language": language}

    def get(self, path: str, **kwargs: Any) -> Any:
        return self._client.get(path, headers=self._headers | kwargs.pop("headers", {}), **kwargs)

    def page(self, path: str) -> str:
        """A page that must be there, as text."""
        answer = self.get(path)
        text = str(answer.get_data(as_text=True))
        assert answer.status_code == 200, f"{path}: {answer.status_code} {text}"
        return text

    def send(self, form: str, fields: dict[str, Any], *, to: str = "") -> Any:
        """Send the form of a page (to a verb's own address, where it has one)."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.page(form))
        assert found is not None, f"{form} has no form"
        return self._client.post(to or form, data={"csrf_token": found[1], **fields}, headers=self._headers)

    def sent(self, form: str, fields: dict[str, Any], *, to: str = "") -> str:
        """Send a form that must be stored; answers where it led."""
        answer = self.send(form, fields, to=to)
        assert answer.status_code == 303, f"{answer.status_code} {answer.get_data(as_text=True)}"
        return str(answer.headers["Location"])


def every(api: Api, path: str, *, limit: int = 200, **query: Any) -> list[dict[str, Any]]:
    """All items of a list, through every page."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = api.get(path, query_string={"limit": limit, **query, "cursor": cursor})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        page = answer.get_json()
        items += page["items"]
        cursor = page["next"]
        if not cursor:
            return items


def errors(answer: Any) -> dict[str, str]:
    """The fields that a 422 complains about."""
    assert answer.status_code == 422, f"{answer.status_code} {answer.get_data(as_text=True)}"
    return {item["field"]: item["message"] for item in answer.get_json()["errors"]}
