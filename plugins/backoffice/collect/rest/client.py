"""Pages of a REST API: dlt pages, signs in, and waits after 429 and 5xx as the server asks.

What dlt would let pass is refused here: an answer without the list that is read would look like an empty table.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from backoffice.errors import CollectError, SettingsError
from backoffice.settings import read_variable
from backoffice.sources import ReadTable
from backoffice.sources.connections import RestConnection

if TYPE_CHECKING:
    from dlt.sources.helpers.rest_client.client import RESTClient
    from requests import Response

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError)
_BACKOFF_SECONDS = 0.5


class SourceDownError(Exception):
    """The API did not answer, or answered 429 or 5xx to every attempt."""


class RestPages:
    """Asks one API.

    Args:
        source: name of the source, for messages.
        connection: where it is and how to sign in.

    Raises:
        SettingsError: a variable the connection names is not set.
        CollectError: dlt does not know the paging or the way to sign in.
    """

    def __init__(self, source: str, connection: RestConnection) -> None:
        self._source = source
        self._connection = connection
        self._url = _address(source, connection)
        self._client = self._made()

    def pages(self, name: str, read: ReadTable, params: Mapping[str, Any]) -> Iterator[list[Any]]:
        """The rows of each answer, in order; numbers with a fraction are decimals.

        Raises:
            SourceDownError: it does not answer now; asking again later may help.
            CollectError: it refuses, or an answer has no list of rows.
        """
        import requests

        try:
            yield from self._client.paginate(
                read.path,
                params={**read.params, **params},
                paginator=self._paginator(read),
                data_selector=read.rows,
                hooks={"response": [lambda response, *_, **__: self._check(response, name, read)]},
            )
        except requests.HTTPError as error:
            raise self._refused(error, name) from error
        except requests.RequestException as error:
            raise SourceDownError(f"{self._url}: {error}") from error

    def _made(self) -> RESTClient:
        os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")  # before dlt is imported
        from dlt.sources.helpers.requests import Client
        from dlt.sources.helpers.rest_client.client import RESTClient
        from dlt.sources.rest_api.config_setup import create_auth

        connection = self._connection
        http = Client(
            raise_for_status=False,
            request_timeout=connection.timeout_seconds,
            request_max_attempts=connection.attempts,
            request_backoff_factor=_BACKOFF_SECONDS,
            request_max_retry_delay=connection.longest_wait_seconds,
        )
        auth: Any = self._auth()
        return RESTClient(self._url, connection.headers, create_auth(auth), session=http.session)

    def _auth(self) -> dict[str, Any] | None:
        """The configuration dlt takes, its secrets taken from the variables that are named."""
        if self._connection.auth is None:
            return None
        found = self._connection.auth.model_dump(exclude_defaults=False)
        secrets = {"token_env": "token", "key_env": "api_key", "password_env": "password"}
        secrets["client_secret_env"] = "client_secret"
        for named, key in secrets.items():
            if named in found:
                found[key] = _variable(self._source, found.pop(named))
        if scope := found.pop("scope", ""):
            found["access_token_request_data"] = {"grant_type": "client_credentials", "scope": scope}
        return found

    def _paginator(self, read: ReadTable) -> Any:
        """A new one for each reading: it remembers where it is."""
        from dlt.sources.rest_api.config_setup import create_paginator

        paging: Any = read.paging or self._connection.paging
        try:
            return create_paginator(paging)
        except (TypeError, ValueError) as error:
            raise CollectError(
                f"the paging cannot be used: {error}",
                where=f"sources/{self._source}.yaml paging",
                next_step="write it as dlt's rest_api has its paginators",
            ) from error

    def _check(self, response: Response, name: str, read: ReadTable) -> None:
        """Called with each answer, also those that are tried again."""
        from dlt.common import jsonpath
        from requests import HTTPError

        if response.status_code >= 400:
            raise HTTPError(f"{response.status_code} {response.reason}", response=response)
        try:
            answer = _DECODER.decode(response.content)
        except _BROKEN as error:
            raise self._unusable(name, f"no JSON: {error}") from error
        found = jsonpath.find_values(read.rows, answer)
        if len(found) != 1 or not isinstance(found[0], list):
            raise self._unusable(name, f"no list at {read.rows}")
        if any(not isinstance(row, dict) for row in found[0]):
            raise self._unusable(name, f"rows at {read.rows} that are no objects")
        response.json = lambda **_: answer  # type: ignore[method-assign]  # dlt's own would make doubles of decimals

    def _unusable(self, name: str, what: str) -> CollectError:
        return CollectError(
            f"an answer to {name} has {what}",
            where=f"{self._url} {self._source}.{name}",
            rule="rows: is the JSONPath of a list in every answer",
            next_step=f"mend `rows:` in sources/{self._source}.yaml, or have the API mended; nothing was landed of it",
        )

    def _refused(self, error: Any, name: str) -> Exception:
        status = error.response.status_code
        if status == 429 or status >= 500:
            return SourceDownError(f"{self._url}: {error}")
        return CollectError(
            f"the API answers {error}",
            where=f"{self._url} {self._source}.{name}",
            next_step="check the path, the parameters and the credentials the source's file names",
        )


def _address(source: str, connection: RestConnection) -> str:
    given = read_variable(connection.url_env) if connection.url_env else ""
    return given or connection.url or _variable(source, connection.url_env)


def _variable(source: str, name: str) -> str:
    value = read_variable(name)
    if not value:
        raise SettingsError(
            f"the variable {name} is not set", where=f"source {source}, connection", next_step=f"set {name}"
        )
    return value
