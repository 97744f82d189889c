"""A build through its gates: dbt runs, what its tests name is quarantined, and what that touched is built again."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass

from backoffice.contracts import Contracts
from backoffice.landing import BatchStore
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.validate.breaks import find_breaks
from backoffice.validate.documents import settle
from backoffice.validate.upstream import believed
from backoffice.validate.verdicts import LIFTED, VERDICT, apply_verdicts, land_tables
from backoffice.warehouse import build as building
from backoffice.warehouse import dbt, meta
from backoffice.warehouse.build import BuildPlan, Built
from backoffice.warehouse.connection import open_warehouse

logger = logging.getLogger(__name__)

ROUNDS = 5
"""How often what a build shows is quarantined; a break that is still there then withholds publication."""


@dataclass(frozen=True, slots=True)
class GatedBuild:
    """The last result of every node, how often dbt ran, and how many rows and documents were named, by rule."""

    built: Built
    runs: int
    named: dict[str, int]


@dataclass(frozen=True, slots=True)
class Gates:
    """The base and the mart gate around a build."""

    settings: Settings
    store: BatchStore
    sources: dict[str, SourceConfig]
    contracts: Contracts

    def build(self, planned: BuildPlan) -> GatedBuild:
        """Build and test a generation; quarantine what the gates name, and build what that touched.

        The warehouse must not be open: dbt opens it by itself. Verdicts are landed before they take effect, so the next
        build begins where a killed one was.

        Raises:
            WarehouseError: a model failed.
        """
        built = building.build(self.settings, planned)
        named: Counter[str] = Counter()
        runs = 1
        while runs <= ROUNDS:
            again = self._follow(planned, built, named)
            if again is None:
                break
            built = built.then(building.build(self.settings, again))
            runs += 1
        return GatedBuild(built, runs, dict(named))

    def _follow(self, planned: BuildPlan, built: Built, named: Counter[str]) -> BuildPlan | None:
        """Take out what the tests name, let in what is free again; what to build now, or None when nothing moved."""
        with open_warehouse(self.settings) as connection:
            as_of = meta.as_of(connection, planned.generation)
            assert as_of is not None  # the generation was begun by the load
            building.record_models(connection, planned.generation, built.models)
            tests = believed(built.tests, dbt.manifest(self.settings).nodes)
            breaks = find_breaks(connection, self.sources, self.contracts, tests, as_of)
            if breaks.nothing:
                return None
            land_tables(self.store, {VERDICT: breaks.verdicts, LIFTED: breaks.lifted})
            apply_verdicts(connection, self.store, planned.generation)
            settled = settle(connection, self.sources, self.contracts, planned.generation, rebuilding=True)
            named.update(breaks.verdicts["rule"].to_pylist())
            logger.info("quarantined %s, lifted %d verdicts", dict(named), breaks.lifted.num_rows)
            return planned.again(building.requalified(connection), built.skipped) if settled.changed_rows else None
