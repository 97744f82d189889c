"""How a source system is reached, one shape a kind."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PostgresConnection(_Strict):
    """A PostgreSQL database collected by logical replication."""

    kind: Literal["postgres"]
    database: str = Field("", description="Database of the embedded source cluster.")
    url_env: str = Field("", description="Variable holding the URL of an external server; wins over `database`.")
    publication: str = Field("", description="Defaults to backoffice_<source>.")
    slot: str = Field("", description="Defaults to backoffice_<source>.")


class FilesConnection(_Strict):
    """Delimited files dropped into a watched folder."""

    kind: Literal["files"]
    folder: str = Field(description="Watched folder; relative to the platform's home.")


class PushConnection(_Strict):
    """A system that sends signed events to the push endpoint, at ``/push/<source>``."""

    kind: Literal["push"]


class BearerAuth(_Strict):
    """``Authorization: Bearer <token>``."""

    type: Literal["bearer"]
    token_env: str = Field(description="Variable holding the token.")


class ApiKeyAuth(_Strict):
    """A key in a header or in the query."""

    type: Literal["api_key"]
    name: str = Field("Authorization", description="Of the header or parameter.")
    location: Literal["header", "query"] = "header"
    key_env: str = Field(description="Variable holding the key.")


class BasicAuth(_Strict):
    """User and password."""

    type: Literal["http_basic"]
    username: str
    password_env: str = Field(description="Variable holding the password.")


class OAuthAuth(_Strict):
    """OAuth 2 client credentials."""

    type: Literal["oauth2_client_credentials"]
    access_token_url: str
    client_id: str
    client_secret_env: str = Field(description="Variable holding the secret.")
    scope: str = ""


Auth = Annotated[BearerAuth | ApiKeyAuth | BasicAuth | OAuthAuth, Field(discriminator="type")]


class RestConnection(_Strict):
    """A REST API that is asked for JSON, page by page."""

    kind: Literal["rest"]
    url: str = Field("", description="Address the paths of the reads begin at.")
    url_env: str = Field("", description="Variable holding it; wins over `url`, which stands in while it is not set.")
    auth: Auth | None = None
    headers: dict[str, str] = Field(default_factory=dict, description="Sent with every request; no secrets.")
    paging: dict[str, Any] = Field({"type": "single_page"}, description="A paginator of dlt's rest_api.")
    every_seconds: float = Field(60.0, gt=0, description="Pause between two readings.")
    attempts: int = Field(5, gt=0, description="At a request that is answered by 429 or 5xx, or not at all.")
    longest_wait_seconds: float = Field(300.0, gt=0, description="Between two of them, whatever Retry-After says.")
    timeout_seconds: float = Field(60.0, gt=0, description="Of one request.")

    @model_validator(mode="after")
    def _has_an_address(self) -> RestConnection:
        if not (self.url or self.url_env):
            raise ValueError("url or url_env says where the API is")
        return self


Connection = Annotated[
    PostgresConnection | FilesConnection | PushConnection | RestConnection, Field(discriminator="kind")
]
