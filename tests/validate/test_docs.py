"""Data Docs: GX's pages from a real validation of what landed, readable without a network."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from tests.validate.conftest import World

from backoffice.errors import ValidationError
from backoffice.validate import docs


@pytest.fixture
def landed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(docs, "load_contracts", lambda _: world.contracts)
    world.land(world.good(), world.good(id="L2", qty=Decimal("-7.25")), {"id": "L3", "_op": "d"})
    world.land(world.good(id="L4"))
    return world


def test_pages_show_what_each_rule_saw_and_fetch_nothing(landed: World) -> None:
    index = docs.build_docs(landed.settings, "shop")
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(index.as_uri())
        cells = page.locator("tbody tr td").all_inner_texts()
        page.get_by_role("link", name="line").click()
        text = page.locator("main").inner_text()
        browser.close()
    assert cells[:3] == ["shop", "line", "3"] and cells[4] == "1"
    assert "-7.25" in text and "Failed" in text
    assert {url.split(":")[0] for url in asked} == {"file"} and len(asked) == 2
    for path in index.parent.glob("*.html"):
        assert re.findall(r"(?:src|href)=[\"'](?:https?:)?//", path.read_text(encoding="utf-8")) == []


def test_only_the_newest_batches_are_looked_at_and_the_site_is_replaced(landed: World) -> None:
    docs.build_docs(landed.settings)
    stale = docs.docs_path(landed.settings) / "stale.html"
    stale.write_text("old")
    index = docs.build_docs(landed.settings, rows=1)
    assert re.search(r'class="number">1</td>', index.read_text(encoding="utf-8"))
    assert not stale.exists()


def test_nothing_landed_is_said(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(docs, "load_contracts", lambda _: world.contracts)
    with pytest.raises(ValidationError, match="nothing has landed"):
        docs.build_docs(world.settings)
    with pytest.raises(ValidationError, match="nothing of other has landed"):
        docs.build_docs(world.settings, "other")
