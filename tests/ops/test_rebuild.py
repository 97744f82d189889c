"""The warehouse is dropped and built from landing and verdicts: the same marts, while readers keep theirs."""

from __future__ import annotations

from typing import Any

import pytest
from tests.ops.marts import published_hashes, warehouse_hashes

from backoffice.errors import AuditError, WarehouseError
from backoffice.ops import beside, cycle
from backoffice.ops import rebuild as rebuilding
from backoffice.ops.rebuild import rebuild
from backoffice.warehouse.audit import Check
from backoffice.warehouse.lease import Lease


def test_every_mart_has_the_hash_it_had(filled: Any) -> None:
    settings = filled.settings
    before, generation = warehouse_hashes(settings), filled.query("SELECT max(generation) FROM meta.generation")[0][0]
    assert published_hashes(settings) == before
    result = rebuild(settings, "test")
    assert result["generation"] > generation
    assert warehouse_hashes(settings) == before == published_hashes(settings)
    assert result["rows"] == {}, "published by complete comparison, nothing differed"
    assert not (settings.home / rebuilding.FOLDER).exists() and settings.landing_dir.is_dir()
    assert cycle.refresh(settings, "test")["load"]["idle"] is True


def test_a_lost_warehouse_comes_back(filled: Any) -> None:
    settings = filled.settings
    before = warehouse_hashes(settings)
    as_of = filled.query("SELECT max(as_of) FROM meta.generation")[0][0]
    settings.warehouse_path.unlink()
    rebuild(settings, "test", as_of=as_of)
    assert warehouse_hashes(settings) == before == published_hashes(settings)


def test_what_lands_meanwhile_is_published_with_it(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refreshes go on while the new warehouse is built; what they published is not taken back."""
    settings = filled.settings
    build = beside.build_from_landing

    def built_meanwhile(*args: Any) -> int:
        generation = build(*args)
        filled.land(("product", "u", {"product_id": "P1", "name": "published meanwhile"}))
        cycle.refresh(settings, "other")
        filled.land(("product", "u", {"product_id": "P2", "name": "only landed"}))
        return generation

    monkeypatch.setattr(beside, "build_from_landing", built_meanwhile)
    result = rebuild(settings, "test")
    names = "SELECT product_id, product_name FROM marts.dim_product WHERE is_current AND product_id IN ('P1', 'P2')"
    assert sorted(filled.query(names)) == [("P1", "published meanwhile"), ("P2", "only landed")]
    assert warehouse_hashes(settings) == published_hashes(settings)
    assert result["generation"] == filled.query("SELECT max(generation) FROM meta.generation")[0][0]
    assert cycle.refresh(settings, "test")["load"]["idle"] is True


def test_a_kill_after_the_swap_is_mended_by_the_next_refresh(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = filled.settings

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(rebuilding, "publish_generation", killed)
        rebuild(settings, "test")
    filled.land(("product", "u", {"product_id": "P1", "name": "after"}))
    cycle.refresh(settings, "test")
    assert warehouse_hashes(settings) == published_hashes(settings)


def test_a_break_leaves_the_old_warehouse(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = filled.settings
    before = warehouse_hashes(settings)
    with monkeypatch.context() as patched, pytest.raises(AuditError, match="never"):
        patched.setattr(beside.audit, "test_checks", lambda *_: [Check("never", False, 1)])
        rebuild(settings, "test")
    assert warehouse_hashes(settings) == before and Lease(settings).current() is None
    source = settings.sources_dir / "mini.yaml"
    good = source.read_text(encoding="utf-8")
    source.write_text("source: mini", encoding="utf-8")
    with pytest.raises(WarehouseError, match="its rows would be missing"):
        rebuild(settings, "test")
    source.write_text(good, encoding="utf-8")
    assert warehouse_hashes(settings) == before
