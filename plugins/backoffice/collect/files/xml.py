"""XML read as a stream, without what makes XML dangerous: no document type, no entities of its own, no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from backoffice.errors import FileSetAsideError

_SAFE: dict[str, bool] = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}


def elements(raw: Path, *names: str) -> Iterator[etree._Element]:
    """The elements of some names, in any namespace, each when it is complete.

    The caller empties what it has dealt with, or the whole file is in memory at the end.

    Raises:
        FileSetAsideError: it is not well-formed XML, or has a document type; names line and column.
    """
    tags = [f"{{*}}{name}" for name in names]
    try:
        with raw.open("rb") as file:
            _refuse_document_type(raw)
            for _, element in etree.iterparse(file, events=("end",), tag=tags, **_SAFE):
                yield element
    except etree.XMLSyntaxError as error:
        raise FileSetAsideError(
            f"line {error.lineno}, column {error.offset}: {error.msg}" if error.lineno else "the file is empty",
            rule="the file is well-formed XML",
            next_step="have it sent again",
        ) from error


def _refuse_document_type(raw: Path) -> None:
    """Entities are declared in one: a file of a thousand bytes may unfold into gigabytes, or name other files."""
    first = next(etree.iterparse(str(raw), events=("start",), **_SAFE), None)
    if first is not None and first[1].getroottree().docinfo.doctype:
        raise FileSetAsideError(
            f"the file has a document type: {first[1].getroottree().docinfo.doctype[:80]}",
            rule="business documents have none; entities are not expanded",
            next_step="have it sent without <!DOCTYPE>",
        )


def local(element: etree._Element) -> str:
    """Name of an element without its namespace; empty for a comment or an instruction."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def leaves(element: etree._Element, joined: frozenset[str] = frozenset()) -> dict[str, str]:
    """Path below the element → text of the first leaf there, ``path@name`` → attribute.

    Args:
        element: the one looked through.
        joined: paths of which all texts are taken, a line each.
    """
    found: dict[str, str] = {}
    _walk(element, "", joined, found)
    return found


def _walk(element: etree._Element, prefix: str, joined: frozenset[str], found: dict[str, str]) -> None:
    for child in element:
        name = local(child)
        if not name:
            continue
        path = prefix + name
        if len(child):
            _walk(child, f"{path}/", joined, found)
            continue
        text = (child.text or "").strip()
        if path not in found:
            if text:
                found[path] = text
            for attribute, value in child.attrib.items():
                found.setdefault(f"{path}@{attribute!s}", str(value))
        elif text and path in joined:
            found[path] += f"\n{text}"
