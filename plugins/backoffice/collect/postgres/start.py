"""Getting ready to stream: preflight, publication, slot, and full copies of what the stream alone cannot give."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from backoffice.collect.postgres.catalog import SourceTable, SystemIdentity, TypeResolver, identify
from backoffice.collect.postgres.copy import Stopped, TableCopy
from backoffice.collect.postgres.offset import Copied, Offset, format_lsn, last_offset
from backoffice.collect.postgres.preflight import preflight
from backoffice.collect.postgres.publication import (
    Publication,
    SlotState,
    create_slot,
    drop_slot,
    slot_state,
    wait_for_writers,
)
from backoffice.collect.postgres.replication import timeline_ends
from backoffice.collect.postgres.run import Run
from backoffice.collect.postgres.shape import copied_as
from backoffice.collect.postgres.trace import Kept, Look, look, numbers
from backoffice.errors import CollectError
from backoffice.landing import OpenBatch

_log = logging.getLogger(__name__)
_WRITERS_SECONDS = 0.05


class Ready(NamedTuple):
    """Where the stream goes on: the offset reached, by the last batch or by idle log after it, and its number.

    ``looks`` are the tables in the catalogue as the stream begins.
    """

    offset: Offset
    seq: int
    looks: dict[str, Look]


class Starter:
    """Prepares one session of a run.

    The order makes a kill at any point harmless: the publication comes before the slot and both before the copy; what
    is to be copied for a reason that cannot be seen again is written down before the reason is removed.

    Args:
        run: the run it belongs to.
        connection: for questions and changes at the source.
        types: asks the catalogue for types.
    """

    def __init__(self, run: Run, connection: psycopg.Connection[Any], types: TypeResolver) -> None:
        self._run = run
        self._connection = connection
        self._types = types
        self._publication = Publication(connection, run.publication)

    def ready(self) -> Ready:
        """Do what is needed before the stream can go on.

        Raises:
            PreflightError: collecting would harm the source or miss rows.
            CollectError: the source is another system, or its slot is somebody else's.
            Stopped: the run was asked to stop meanwhile.
        """
        tables = preflight(self._connection, self._run.config, self._types)
        system = identify(self._connection)
        seq, offset = last_offset(self._run.store, self._run.source)
        if offset is not None:  # a batch landed from here on must not fall behind what was acknowledged
            offset = offset.moved_to(self._run.mark.furthest(offset, seq))
        slot = slot_state(self._connection, self._run.slot)
        reason = self._why_everything(offset, slot, system)
        if reason or offset is None:
            offset = self._anew(tables, slot, system)
            looks = self._looks(tables)
            requests, why = list(self._run.requests.pending()), dict.fromkeys(numbers(tables), reason)
        else:
            offset = offset.on(system.timeline)
            self._publish(tables, offset)
            looks = self._looks(tables)
            requests, why = self._due(tables, offset, looks)
        if why:
            seq, offset = self._copy([table for table in tables if table.read in why], offset, why, looks)
            self._run.requests.done(requests)
            self._run.copies.clear()
        else:
            self._run.traces.write(self._kept(looks, offset))
        return Ready(offset, seq, looks)

    # a new beginning

    def _why_everything(self, offset: Offset | None, slot: SlotState | None, system: SystemIdentity) -> str:
        """Why all tables are copied; empty when the stream goes on from the offset."""
        if offset is None:
            self._refuse_foreign_slot(slot, system)
            return "first copy"
        if offset.system_identifier != system.system_identifier:
            if self._run.copies.keys() >= self._run.config.reads.keys():
                self._refuse_foreign_slot(slot, system)
                return "asked for: the source is another system"
            raise self._another_system(offset, system)
        name, reached = self._run.slot, offset.position
        reasons = {
            f"replication slot {name} is missing": slot is None or offset.slot != name,
            f"replication slot {name} was lost: {(slot and slot.reason) or 'the source kept no more log for it'}": slot
            and slot.lost,
            f"replication slot {name} was read past {offset.lsn} by somebody else": slot and slot.confirmed > reached,
            "the source was restored to an earlier time: its log ends before what was landed": system.position
            < reached,
            f"publication {self._run.publication} is missing": not self._publication.exists(),
        }
        found = next((reason for reason, applies in reasons.items() if applies), "")
        return found or self._why_timeline(offset, system)

    def _why_timeline(self, offset: Offset, system: SystemIdentity) -> str:
        """A fail-over that lost what was landed; the log of the new timeline may have grown past it meanwhile."""
        if system.timeline == offset.timeline:
            return ""
        end = timeline_ends(self._run.info, system.timeline).get(offset.timeline)
        if end is None:
            return f"timeline {system.timeline} of the source does not continue timeline {offset.timeline}"
        if end < offset.position:
            return f"the source failed over and lost what came after {format_lsn(end)}, some of which was landed"
        _log.info("%s: the source is on timeline %d; nothing landed was lost", self._run.source, system.timeline)
        return ""

    def _refuse_foreign_slot(self, slot: SlotState | None, system: SystemIdentity) -> None:
        if slot is not None and not self._run.mark.owns(system.system_identifier, self._run.slot):
            raise CollectError(
                f"replication slot {self._run.slot} exists, but nothing was landed from it here",
                where=f"source {self._run.source}",
                rule="a slot serves one platform: a second reader takes away the first one's changes",
                next_step="if no other platform uses it, run at the source: "
                f"SELECT pg_drop_replication_slot('{self._run.slot}'); else set connection.slot to another name",
            )

    def _another_system(self, offset: Offset, system: SystemIdentity) -> CollectError:
        return CollectError(
            f"the source is system {system.system_identifier}, what was landed came from {offset.system_identifier}",
            where=f"source {self._run.source}",
            rule="one source, one PostgreSQL system",
            next_step="mend the URL; if the system was replaced on purpose, ask for a full copy of all tables (resync)",
        )

    def _anew(self, tables: list[SourceTable], slot: SlotState | None, system: SystemIdentity) -> Offset:
        name = self._run.slot
        if slot is not None:
            drop_slot(self._connection, name)
        self._publication.ensure(tables)
        self._run.mark.write(
            system.system_identifier, name, -1, 0
        )  # before the slot: a kill here must not make it a stranger's
        lsn = create_slot(self._connection, name)
        return Offset(
            system_identifier=system.system_identifier, timeline=system.timeline, slot=name, lsn=format_lsn(lsn)
        )

    # tables

    def _publish(self, tables: list[SourceTable], offset: Offset) -> None:
        missing = self._publication.missing(tables)
        again = [table.read for table in missing if table.read in offset.copied]
        if again:
            self._run.requests.add(again, "was not published for a time")
        self._publication.ensure(tables)
        if missing:
            wait_for_writers(self._connection, missing, self._pause)

    def _looks(self, tables: list[SourceTable]) -> dict[str, Look]:
        return look(self._connection, self._run.publication, numbers(tables), self._run.config.reads)

    def _kept(self, looks: dict[str, Look], offset: Offset) -> dict[str, Kept]:
        return {read: Kept(batch=offset.copied[read].batch, trace=seen.trace) for read, seen in looks.items()}

    def _due(
        self, tables: list[SourceTable], offset: Offset, looks: dict[str, Look]
    ) -> tuple[list[Path], dict[str, str]]:
        """Reads to copy with the reason, and the requests this answers."""
        why: dict[str, str] = dict(self._run.copies)
        pending = self._run.requests.pending()
        for reads in pending.values():
            why |= dict.fromkeys(reads, "asked for")
        kept = self._run.traces.read()
        for table in tables:
            reason = self._why(table, offset.copied.get(table.read), looks.get(table.read), kept.get(table.read))
            if reason:
                why[table.read] = reason
        return list(pending), {read: reason for read, reason in why.items() if read in self._run.config.reads}

    def _why(self, table: SourceTable, copied: Copied | None, seen: Look | None, kept: Kept | None) -> str:
        if copied is None:
            return "first copy"
        if copied != copied_as(table, self._run.config.reads[table.read], copied.batch):
            return "the table or the columns relied on are not those last copied"
        if seen is None or kept is None or kept.batch != copied.batch:
            return "what the table was when it was last copied is not known"
        return seen.why_copy(kept.trace)

    def _copy(
        self, tables: list[SourceTable], offset: Offset, why: dict[str, str], looks: dict[str, Look]
    ) -> tuple[int, Offset]:
        for reason in dict.fromkeys(why.values()):
            reads = [table.read for table in tables if why[table.read] == reason]
            _log.info("%s: full copy of %s: %s", self._run.source, ", ".join(reads), reason)
        self._run.look()
        batch = self._run.store.begin(self._run.source)
        try:
            return self._copy_into(batch, tables, offset, why, looks)
        except BaseException:
            batch.abort()
            raise

    def _copy_into(
        self,
        batch: OpenBatch,
        tables: Sequence[SourceTable],
        offset: Offset,
        why: dict[str, str],
        looks: dict[str, Look],
    ) -> tuple[int, Offset]:
        snapshot = TableCopy(self._run.info, self._run.config, batch, self._run.stop).run(list(tables))
        reads = self._run.config.reads
        copied = {table.read: copied_as(table, reads[table.read], batch.seq) for table in tables}
        reached = offset.with_copies(snapshot.handover, copied)
        self._run.traces.write(self._kept(looks, reached))
        manifest = batch.commit(
            kind="snapshot",
            offset=reached.model_dump(mode="json"),
            full_tables=frozenset(copied),
            event_at_min=snapshot.at,
            event_at_max=snapshot.at,
            notes={"reasons": {read: why[read] for read in copied}},
        )
        self._run.landed(manifest)
        return manifest.seq, reached

    def _pause(self) -> None:
        if self._run.stop.wait(_WRITERS_SECONDS):
            raise Stopped
