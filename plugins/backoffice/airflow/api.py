"""A small client of Airflow's REST API."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import httpx

from backoffice.airflow.environment import airflow_url
from backoffice.airflow.names import ADMIN, SERVICE
from backoffice.errors import ServerError
from backoffice.secrets import load_secrets
from backoffice.settings import Settings

_UNAUTHORISED = 401


class AirflowApi:
    """Airflow as one user. Logs in at the first call and again when its token has run out.

    Args:
        url: address of the API server, without a slash at the end.
        user: an Airflow user.
        password: its password.
        timeout: seconds a call may take.
    """

    def __init__(self, url: str, user: str, password: str, *, timeout: float = 10.0) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout)
        self._user = user
        self._password = password
        self._token = ""

    @classmethod
    def as_admin(cls, settings: Settings) -> AirflowApi:
        """The platform's own Airflow as its administrator."""
        return cls(airflow_url(settings), ADMIN, load_secrets(settings).airflow_admin_password)

    @classmethod
    def as_service(cls, settings: Settings) -> AirflowApi:
        """The platform's own Airflow as the user that may only report what was landed."""
        return cls(airflow_url(settings), SERVICE, load_secrets(settings).airflow_service_password)

    def __enter__(self) -> AirflowApi:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def get(self, path: str, **parameters: str | int) -> Any:
        """Decoded answer of a GET.

        Raises:
            ServerError: Airflow cannot be reached or refuses.
        """
        return self._call("GET", path, params=parameters)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Decoded answer of a POST.

        Raises:
            ServerError: Airflow cannot be reached or refuses.
        """
        return self._call("POST", path, json=body)

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        if not self._token:
            self._log_in()
        answer = self._send(method, path, arguments)
        if answer.status_code == _UNAUTHORISED:
            self._log_in()
            answer = self._send(method, path, arguments)
        return _decoded(answer)

    def _send(self, method: str, path: str, arguments: dict[str, Any]) -> httpx.Response:
        try:
            return self._client.request(
                method, path, headers={"Authorization": f"Bearer {self._token}"} if self._token else None, **arguments
            )
        except httpx.HTTPError as error:
            raise ServerError(
                f"Airflow cannot be reached: {type(error).__name__} {error}".rstrip(),
                where=f"{self._client.base_url}{path}",
                next_step="`backoffice status` says whether it runs",
            ) from error

    def _log_in(self) -> None:
        self._token = ""
        answer = self._send("POST", "/auth/token", {"json": {"username": self._user, "password": self._password}})
        self._token = _decoded(answer)["access_token"]


def _decoded(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    raise ServerError(
        f"Airflow refused: {answer.status_code} {answer.text[:300]}",
        where=f"{answer.request.method} {answer.request.url}",
        next_step="see api-server.log in the platform's logs folder",
    )
