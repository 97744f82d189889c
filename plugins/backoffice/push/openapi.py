"""The endpoint's OpenAPI document: for each source its types of events, what their data must be, and every answer.

In: sources with a push connection. Out: OpenAPI 3.1, shown as a page at ``/docs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backoffice.push.events import BATCH, LONGEST, SINGLE
from backoffice.push.served import contract_schema
from backoffice.push.signature import ID, SIGNATURE, TIMESTAMP
from backoffice.settings import Settings
from backoffice.sources import ReadTable, SourceConfig

TITLE = "Pushed events"
DESCRIPTION = (
    "CloudEvents 1.0 in JSON, one or a batch in a request, signed as Standard Webhooks has it: "
    f"`{SIGNATURE}` is `v1,` and the base64 of HMAC-SHA256 over `<{ID}>.<{TIMESTAMP}>.<body>`. "
    "An answer of 202 means that the events are on the disk. Everything may be sent again: what was accepted before "
    "lands once. After 503, or no answer at all, send again."
)
TITLES = {
    401: "Not signed with a valid key, or not in time",
    404: "No such source",
    409: "The event was accepted with another content",
    413: "The body is too large",
    415: "Not a content type that is taken",
    422: "Not a CloudEvent, or its data does not fit",
    503: "Nothing is accepted at the moment",
}
_TEXT = {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]+$"}
_NULL = {"type": "null"}
_LOCAL = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?$"
_LIMITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "INT": 32, "BIGINT": 64}


def document(settings: Settings, sources: Mapping[str, SourceConfig]) -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "description": DESCRIPTION, "version": "1"},
        "paths": {f"/push/{name}": {"post": _operation(settings, config)} for name, config in sorted(sources.items())},
        "components": {
            "schemas": {"Problem": _PROBLEM, "Accepted": _ACCEPTED},
            "securitySchemes": {"signature": {"type": "apiKey", "in": "header", "name": SIGNATURE}},
        },
    }


def _operation(settings: Settings, config: SourceConfig) -> dict[str, Any]:
    event = {"oneOf": [_event(settings, config, type_) for type_ in _types(config)]}
    return {
        "operationId": f"push_{config.source}",
        "summary": config.description,
        "security": [{"signature": []}],
        "parameters": [_header(ID, "Names the message."), _header(TIMESTAMP, "Seconds since 1970.", r"^[0-9]{1,12}$")],
        "requestBody": {
            "required": True,
            "content": {
                SINGLE: {"schema": event},
                BATCH: {"schema": {"type": "array", "minItems": 1, "items": event}},
            },
        },
        "responses": {"202": _ANSWER} | {str(status): _refusal(status) for status in TITLES},
    }


def _types(config: SourceConfig) -> list[str]:
    return sorted({type_ for read in config.reads.values() for type_ in (*read.events, *read.deletes)})


def _event(settings: Settings, config: SourceConfig, type_: str) -> dict[str, Any]:
    """An event of a type: it must fit every read that takes it."""
    data: list[dict[str, Any]] = []
    for read in config.reads.values():
        if type_ in read.events:
            data.append(_data(read, read.columns))
            if read.contract:
                data.append(_shown(contract_schema(settings.contracts_dir, read)))
        elif type_ in read.deletes:
            data.append(_data(read, {key: read.columns[key] for key in read.primary_key}))
    properties = {
        "specversion": {"const": "1.0"},
        "id": _TEXT | {"description": "With the source unique for ever."},
        "source": _TEXT | {"description": "A URI of the sender."},
        "type": {"const": type_},
        "time": {"anyOf": [{"type": "string", "format": "date-time"}, _NULL]},
        "subject": {"anyOf": [_TEXT, _NULL]},
        "datacontenttype": {"enum": ["application/json", None]},
        "data": data[0] if len(data) == 1 else {"allOf": data},
    }
    return {
        "title": type_,
        "type": "object",
        "properties": properties,
        "required": ["specversion", "id", "source", "type", "data"],
        "not": {"required": ["data_base64"]},
    }


def _shown(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if not name.startswith("$")}


def _data(read: ReadTable, columns: Mapping[str, str]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    for column, kind in columns.items():
        path = read.paths.get(column)
        if path is None or not path.startswith("$"):
            _place(schema, [column] if path is None else path.split("."), kind, needed=column in read.primary_key)
    return schema


def _place(schema: dict[str, Any], steps: list[str], kind: str, *, needed: bool) -> None:
    """Put a column's type where its value is; what is in a list is not described."""
    first, *more = steps
    if needed:
        schema["required"] = sorted({*schema.get("required", []), first})
    properties = schema.setdefault("properties", {})
    if not more:
        found = _value(kind)
        properties[first] = found if needed else {"anyOf": [found, _NULL]}
    elif not any(step.isdigit() for step in more):
        below = properties.setdefault(first, {"type": "object" if needed else ["object", "null"], "properties": {}})
        if needed:
            below["type"] = "object"
        _place(below, more, kind, needed=needed)


def _value(kind: str) -> dict[str, Any]:
    """JSON Schema of a value that is not null."""
    upper = kind.upper()
    if upper in _LIMITS:
        top = 1 << (_LIMITS[upper] - 1)
        text = {"type": "string", "pattern": f"^-?[0-9]{{1,{len(str(top)) - 1}}}$"}
        return {"anyOf": [{"type": "integer", "minimum": -top, "maximum": top - 1}, text]}
    if upper.startswith(("DECIMAL", "NUMERIC")):
        digits, scale = (int(part) for part in upper.partition("(")[2].rstrip(")").split(","))
        fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
        text = {"type": "string", "pattern": f"^-?[0-9]{{1,{max(digits - scale, 1)}}}{fraction}$"}
        top = 10 ** (digits - scale)
        number = {"type": "number", "exclusiveMinimum": -top, "exclusiveMaximum": top, "multipleOf": 10**-scale}
        return {"anyOf": [number, text]}
    return _PLAIN[upper]


_NO_NUL = {"type": "string", "pattern": r"^[^\x00]*$"}
_OTHERS = {"type": ["number", "boolean", "object", "array"], "description": "Kept as its JSON text."}
_PLAIN: dict[str, dict[str, Any]] = {
    "VARCHAR": {"anyOf": [_NO_NUL, _OTHERS]},
    "TEXT": {"anyOf": [_NO_NUL, _OTHERS]},
    "JSON": {"type": ["string", "number", "boolean", "object", "array"]},
    "BOOLEAN": {"type": "boolean"},
    "DOUBLE": {"type": "number"},
    "DATE": {"type": "string", "format": "date"},
    "TIMESTAMPTZ": {"type": "string", "format": "date-time"},
    "TIMESTAMP": {"type": "string", "pattern": _LOCAL},
}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "string"}, "description": "Each problem of the body."},
    },
    "required": ["type", "title", "status", "detail"],
}
_ACCEPTED = {
    "type": "object",
    "properties": {
        "accepted": {"type": "integer", "description": "Events that are durable now."},
        "duplicates": {"type": "integer", "description": "Events that were accepted before."},
    },
    "required": ["accepted", "duplicates"],
}
_ANSWER = {
    "description": "The events are on the disk.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Accepted"}}},
}


def _refusal(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": TITLES[status],
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status == 503:
        wait = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
        answer["headers"] = {"Retry-After": wait}
    return answer


def _header(name: str, description: str, pattern: str = "^[!-~]{1,256}$") -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "required": True, "description": description, "schema": schema}
