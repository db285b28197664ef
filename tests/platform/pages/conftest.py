from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from .agency import make_app


@pytest.fixture
def app() -> Flask:
    return make_app()


@pytest.fixture
def browser_of(app: Flask) -> Callable[..., FlaskClient]:
    """A browser with the cookies of a person and of a language."""

    def make(person: str = "ann", language: str = "en") -> FlaskClient:
        client = app.test_client()
        client.set_cookie("acm_lang", language)
        if person:
            client.set_cookie("who", person)
        return client

    return make


@pytest.fixture
def browser(browser_of: Callable[..., FlaskClient]) -> FlaskClient:
    return browser_of()
