"""The push endpoint: ``POST /push/<source>`` takes signed CloudEvents and answers once they are durable.

What is refused is answered by a problem document (RFC 9457) that says why and what to do. A retry of what was
accepted before is accepted again and lands once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi_offline import FastAPIOffline

from backoffice.landing import BatchStore
from backoffice.push import openapi
from backoffice.push.events import BATCH, SINGLE, RefusedError
from backoffice.push.inbox import BusyError, ConflictError
from backoffice.push.served import Pushed, Served
from backoffice.push.signature import BadSignatureError, check_signature
from backoffice.settings import Settings

_RETRY_AFTER_SECONDS = 5
_KB = 1024


class _ProblemError(Exception):
    """A request that is refused; the message says what is wrong with it."""

    def __init__(self, status: int, detail: str, problems: list[str] | None = None) -> None:
        self.status = status
        self.detail = detail
        self.problems = problems or []
        super().__init__(detail)


def make_app(settings: Settings, store: BatchStore) -> FastAPI:
    """The endpoint's web application.

    Args:
        settings: limits and folders.
        store: where events land.
    """
    served = Served(settings, store)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        served.all()
        yield
        await asyncio.to_thread(served.close)

    app: FastAPI = FastAPIOffline(title=openapi.TITLE, description=openapi.DESCRIPTION, lifespan=lifespan)

    @app.exception_handler(_ProblemError)
    async def refuse(_: Request, error: _ProblemError) -> Response:
        return _problem(error)

    @app.post("/push/{source}", status_code=202, include_in_schema=False)
    async def push(source: str, request: Request) -> Response:
        found = served.find(source)
        if found is None and served.problem(source):
            raise _ProblemError(503, "the source cannot be served as it is declared; the endpoint's log says why")
        if found is None:
            raise _ProblemError(404, f"no source {source} is pushed here")
        body = await _body(request, settings.push_body_kb * _KB)
        _check_signature(found, request, body, settings.push_window_seconds)
        return await _take(found, body, batch=_is_batch(request))

    @app.get("/health", include_in_schema=False)
    async def health() -> Response:
        problems = {name: one.inbox.problem for name, one in served.all().items() if one.inbox.problem}
        status = {"status": "unhealthy" if problems else "healthy", "problems": problems}
        return JSONResponse(status, status_code=503 if problems else 200)

    # the page is written anew when a source or its columns change
    app.openapi = lambda: openapi.document(settings, {name: one.config for name, one in served.all().items()})  # type: ignore[method-assign]
    return app


async def _body(request: Request, most: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    body = bytearray()
    if not declared.isdigit() or int(declared) <= most:
        async for part in request.stream():
            body += part
            if len(body) > most:
                break
        else:
            return bytes(body)
    raise _ProblemError(413, f"the body is larger than {most} bytes; send fewer events in it")


def _check_signature(found: Pushed, request: Request, body: bytes, window: float) -> None:
    try:
        check_signature(found.keys, request.headers, body, window_seconds=window)
    except BadSignatureError as error:
        raise _ProblemError(401, str(error)) from error


def _is_batch(request: Request) -> bool:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.replace(" ", "").lower()
    if kind.strip().lower() not in (SINGLE, BATCH) or charset not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise _ProblemError(415, f"the content type must be {SINGLE} or {BATCH}, in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _ProblemError(415, "the body must not be compressed")
    return kind.strip().lower() == BATCH


async def _take(found: Pushed, body: bytes, *, batch: bool) -> Response:
    try:
        events = found.reader.events(body, batch=batch)
    except RefusedError as error:
        raise _ProblemError(422, "the body does not fit what the source takes", error.problems) from error
    if found.inbox.problem:
        raise _ProblemError(503, found.inbox.problem)
    try:
        taken = await asyncio.wrap_future(found.inbox.submit(events))
    except ConflictError as error:
        raise _ProblemError(409, "an event with this source and id was accepted with another content") from error
    except BusyError as error:
        raise _ProblemError(503, str(error)) from error
    return JSONResponse({"accepted": taken.accepted, "duplicates": taken.duplicates}, status_code=202)


def _problem(error: _ProblemError) -> Response:
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": openapi.TITLES[error.status],
        "status": error.status,
        "detail": error.detail,
    }
    if error.problems:
        content["errors"] = error.problems
    headers = {"Retry-After": str(_RETRY_AFTER_SECONDS)} if error.status == 503 else {}
    return JSONResponse(content, status_code=error.status, headers=headers, media_type="application/problem+json")
