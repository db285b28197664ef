"""The demo agency in processes of its own, and people who are signed in to it in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from demo.seed import DEMO_PASSWORD
from tests.product import Product

SignIn = Callable[..., Page]


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The running demo agency."""
    made = Product(tmp_path_factory.mktemp("demo"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def sign_in(product: Product, chromium: Browser) -> Iterator[SignIn]:
    """Signs a person in and answers their page; what the page's console complains of fails the test."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def enter(username: str, *, language: str = "zh", width: int = 1440, theme: str = "light") -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        for name, value in (("acm_lang", language), ("acm_theme", theme)):
            context.add_cookies([{"name": name, "value": value, "url": product.address}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{product.address}/sign-in")
        page.fill("input[name=username]", username)
        page.fill("input[name=password]", DEMO_PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return page

    yield enter
    for context in contexts:
        context.close()
    assert complaints == []
