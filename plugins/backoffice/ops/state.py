"""What the supervisor is doing, in a file that the commands read: who runs, how far the start has come, what failed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
from pydantic import BaseModel, Field

from backoffice.settings import Settings

# psutil derives a process's start from the boot time, which the kernel rounds
_SAME_START_SECONDS = 2.0


class ProcessRecord(BaseModel):
    """A process, told from a later one with the same pid by its start. Unix seconds."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> ProcessRecord:
        """The record of a running process."""
        return cls(pid=pid, created=psutil.Process(pid).create_time())

    def alive(self) -> bool:
        """Whether this very process runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < _SAME_START_SECONDS
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False


class ComponentRecord(BaseModel):
    """A supervised process."""

    process: ProcessRecord | None = None
    since: float = Field(description="When it was started last; Unix seconds.")
    restarts: int = 0
    log: str


class SupervisorState(BaseModel):
    """The supervisor's own account of itself."""

    process: ProcessRecord
    started_at: float = Field(description="Unix seconds.")
    stage: str = Field(description="What it is doing, for a person: 'starting PostgreSQL', 'running', 'stopping' …")
    error: str = Field("", description="Why the start failed.")
    error_log: str = Field("", description="The log that says more.")
    components: dict[str, ComponentRecord] = Field(default_factory=dict)


RUNNING = "running"


def state_path(settings: Settings) -> Path:
    """The supervisor's pid file and account."""
    return settings.home / "supervisor.json"


def read_state(settings: Settings) -> SupervisorState | None:
    """The last supervisor's account, whether it still runs or not; None when none ever ran."""
    try:
        return SupervisorState.model_validate_json(state_path(settings).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def write_state(settings: Settings, state: SupervisorState) -> None:
    """Replace the account, whole or not at all."""
    path = state_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")  # there is one supervisor; a killed one's is overwritten
    temporary.write_text(state.model_dump_json(indent=1), encoding="utf-8")
    os.replace(temporary, path)


def running_supervisor(settings: Settings) -> SupervisorState | None:
    """The account of a supervisor that runs now."""
    state = read_state(settings)
    return state if state and state.process.alive() else None


def new_state() -> SupervisorState:
    """The account of this process, just started."""
    return SupervisorState(process=ProcessRecord.of(os.getpid()), started_at=time.time(), stage="starting")
