"""A real Chromium on a real server. Skipped where there is no browser, and in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client

from durable_django import runtime
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.registry import default_registry
from tests.browser import family as relatives
from tests.browser import gallery

CHROMIUM = os.environ.get("DURABLE_TEST_CHROMIUM", "")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("no browser: DURABLE_TEST_CHROMIUM names none")
    sync_api = pytest.importorskip("playwright.sync_api")
    # Playwright's loop runs in this thread, and the tests ask the database from it all the same.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def engine(settings: Any, transactional_db: None) -> Iterator[DurableEngine]:
    # First: a change of DURABLE disposes of the engine in use. Pages refresh themselves fast.
    settings.DURABLE = {**settings.DURABLE, "ADMIN_POLL_SECONDS": 0.2}
    gallery.register(default_registry)
    engine = gallery.new_engine()
    former = runtime.use_engine(engine)
    yield engine
    runtime.use_engine(former)
    engine.dispose()
    for definition in default_registry.list_definitions():
        if definition.name.startswith("shop."):
            default_registry.forget(definition.name, definition.version)


@pytest.fixture
def executions(engine: DurableEngine) -> dict[str, UUID]:
    return gallery.fill(engine)


@pytest.fixture
def family(engine: DurableEngine) -> dict[str, UUID]:
    """Executions that direct others, by what they are at."""
    relatives.register(default_registry)
    return relatives.fill(engine)


@pytest.fixture
def server(executions: dict[str, UUID], live_server: Any) -> Any:
    """A live server with the gallery in its database."""
    return live_server


@pytest.fixture
def tasks(window: Window, engine: DurableEngine) -> dict[str, UUID]:
    """What people are asked; alice, whose window it is, has two of them."""
    return gallery.fill_inbox(engine, User.objects.get(username="alice"))


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Window:
    """One page of the browser, and everything that went wrong in it."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.faults: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("response", self._see)

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def count_polls(self) -> int:
        return sum("/live/" in url for url in self.requests)

    def _hear(self, message: Any) -> None:
        # A browser asks for the icon of a site by itself.
        is_icon = message.location.get("url", "").endswith("/favicon.ico")
        if message.type in {"error", "warning"} and not is_icon:
            self.faults.append(f"console: {message.text}")

    def _see(self, response: Any) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status} for {response.url}")


@pytest.fixture
def window(chromium: Any, server: Any, scheme: str, django_user_model: Any) -> Iterator[Window]:
    """A window of somebody who is logged in and may do everything."""
    user = django_user_model.objects.create_superuser("alice", "alice@example.org", "secret")
    client = Client()
    client.force_login(user)
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": server.url}])
    window = Window(context.new_page(), server.url)
    yield window
    context.close()
