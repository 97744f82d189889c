"""How a source's delimited files are written and what may change in them, as its YAML says."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Choice = Literal["evolve", "freeze", "quarantine"]
DriftKind = Literal["new", "missing", "renamed", "retyped"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _words(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
"""One word, or several."""


class Footer(_Strict):
    """Lines at the end of every file that are no records, and what they must say."""

    lines: int = Field(1, gt=0, description="How many; blank lines after them are not counted.")
    pattern: str = Field(
        "", description="Regular expression found in them; its groups `rows` and `sum` are compared with the file."
    )
    sum_of: str = Field("", description="Column whose total the group `sum` gives.")


class FileDialect(_Strict):
    """Layout of a delimited file. Nothing of it is ever guessed."""

    delimiter: str = Field(",", description="One to four bytes.")
    quote: str = '"'
    escape: str = '"'
    encoding: str = Field("utf-8", description="Name of a Python codec; a byte order mark is taken off.")
    compression: Literal["none", "gzip", "bz2", "xz", "zip"] = Field("none", description="zip: one file in it.")
    line_end: Literal["lf", "cr"] = Field("lf", description="lf: LF, CRLF or both; cr: a carriage return alone.")
    skip: int = Field(0, ge=0, description="Lines before the header, or before the first record.")
    comment: str = Field("", description="Lines that begin with it, outside quotes, are no records.")
    footer: Footer | None = None
    header: bool = True
    fold_header: bool = Field(False, description="Compare header names without case, and blanks as one.")
    null: Words = ("",)
    decimal: str = "."
    thousands: str = ""
    date_format: Words = Field((), description="strptime formats of DATE columns; none: ISO 8601.")
    timestamp_format: Words = Field((), description="strptime formats of TIMESTAMP columns; none: ISO 8601.")


class DriftPolicy(_Strict):
    """What becomes of a file whose columns are not the declared ones; one word stands for all four kinds.

    evolve: accepted, and recorded. freeze: the file is set aside, nothing of it lands. quarantine: its rows land and
    stay out until they are released.
    """

    new: Choice | None = None
    missing: Choice | None = None
    renamed: Choice | None = None
    retyped: Choice | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        return dict.fromkeys(("new", "missing", "renamed", "retyped"), value) if isinstance(value, str) else value

    def over(self, below: DriftPolicy) -> DriftPolicy:
        """The same, with what is left open taken from another policy."""
        return DriftPolicy.model_validate({**below.model_dump(), **self.model_dump(exclude_none=True)})

    def choice(self, kind: DriftKind) -> Choice:
        """What is done about a kind of drift; the default where nothing is said."""
        said: Choice | None = getattr(self, kind)
        return said or _DEFAULT[kind]


_DEFAULT: dict[DriftKind, Choice] = {
    "new": "evolve",  # nothing we rely on changed
    "missing": "quarantine",  # rows that lost a value would show as rows that never had it
    "renamed": "evolve",  # a person named the alias
    "retyped": "quarantine",  # a number under another decimal mark may still read as a number
}
