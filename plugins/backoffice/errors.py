"""The errors a person meets: what happened, where, which rule, and what to do next."""

from __future__ import annotations


class BackofficeError(Exception):
    """Base of every error the platform raises on purpose.

    Args:
        what: what happened, one sentence, no trailing full stop.
        where: file and line, table and key, or address it happened at.
        rule: the rule that was broken, when there is one.
        next_step: what the reader should do now.
    """

    def __init__(self, what: str, *, where: str = "", rule: str = "", next_step: str = "") -> None:
        self.what = what
        self.where = where
        self.rule = rule
        self.next_step = next_step
        super().__init__(self._text())

    def _text(self) -> str:
        parts = [self.what]
        if self.where:
            parts.append(f"  where: {self.where}")
        if self.rule:
            parts.append(f"  rule:  {self.rule}")
        if self.next_step:
            parts.append(f"  next:  {self.next_step}")
        return "\n".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        """Keyword arguments survive pickling between processes."""
        return _rebuild, (type(self), self.what, self.where, self.rule, self.next_step)


def _rebuild(kind: type[BackofficeError], what: str, where: str, rule: str, next_step: str) -> BackofficeError:
    return kind(what, where=where, rule=rule, next_step=next_step)


class SettingsError(BackofficeError):
    """A setting or secret is missing or unusable."""


class ServerError(BackofficeError):
    """An embedded server cannot start, stop or be reached."""


class StorageError(BackofficeError):
    """A disk is full or a folder cannot be written to."""


class ContractError(BackofficeError):
    """A data contract file breaks ODCS or the platform's rules."""


class MappingError(BackofficeError):
    """A source file under ``sources/`` is wrong."""


class LandingError(BackofficeError):
    """A batch cannot be written, or what is stored does not match its manifest."""


class CollectError(BackofficeError):
    """A source cannot be collected from as it stands."""


class SourceLockedError(CollectError):
    """Another process collects from the source."""


class PreflightError(CollectError):
    """Collecting would harm the source or lose rows, so it is refused before it starts."""


class PushError(BackofficeError):
    """The push endpoint cannot run, or does not serve what is asked of it."""


class FileSetAsideError(CollectError):
    """A file cannot be read as its layout says: it stays where it is, nothing of it lands, the others go on."""


class ValidationError(BackofficeError):
    """A gate could not judge its rows: not that rows are bad, but that judging failed."""


class NotQuarantinedError(ValidationError):
    """What a person decides about is not out, or was decided already."""


class WarehouseError(BackofficeError):
    """Loading or building the warehouse failed."""


class LeaseHeldError(WarehouseError):
    """Somebody else holds the one-writer lease."""


class AuditError(WarehouseError):
    """The audit found a break: publication is withheld."""


class PublishError(BackofficeError):
    """A publication could not be carried out."""


class StatusError(PublishError):
    """A channel of the status could not be written; what is published is not touched by it."""


class AlertError(BackofficeError):
    """An alert setting, or the watcher's own state, cannot be used."""
