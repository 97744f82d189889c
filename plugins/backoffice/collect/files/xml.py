"""XML read as a stream, without what makes XML dangerous: no document type, no entities of its own, no network."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lxml import etree

from backoffice.errors import FileSetAsideError

_SAFE: dict[str, Any] = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
_PLAIN: dict[str, Any] = {"remove_comments": True, "remove_pis": True}  # so that children are elements
SMALL = 500
"""Elements of more parts are of a shape of their own, which is not kept."""


def elements(raw: Path, *names: str) -> Iterator[etree._Element]:
    """The elements of some names, in any namespace, each when it is complete.

    The caller empties what it has dealt with, or the whole file is in memory at the end.

    Raises:
        FileSetAsideError: it is not well-formed XML, or has a document type; names line and column.
    """
    tags = [f"{{*}}{name}" for name in names]
    with _well_formed():
        _refuse_document_type(raw)
        for _, element in etree.iterparse(str(raw), events=("end",), tag=tags, **_SAFE, **_PLAIN):
            yield element


def document(raw: Path) -> etree._Element:
    """The root of the whole file, without white space between elements: for small files half the time of a stream.

    It takes a dozen times the file's size in memory. Names that the root's own namespace applies to come without it:
    lxml writes it in front of each name anew whenever it is asked for one. Errors as of :func:`elements`.
    """
    with _well_formed():
        namespace = _refuse_document_type(raw)
        parser = etree.XMLParser(remove_blank_text=True, collect_ids=False, **_SAFE, **_PLAIN)
        declared = f' xmlns="{namespace}"'.encode()
        # blanks, so that lines and columns stay; of a path lxml raises OSError for some broken bytes
        return etree.fromstring(raw.read_bytes().replace(declared, b" " * len(declared), 1), parser)


@contextmanager
def _well_formed() -> Iterator[None]:
    try:
        yield
    except etree.XMLSyntaxError as error:
        raise FileSetAsideError(
            f"line {error.lineno}, column {error.offset}: {error.msg}" if error.lineno else "the file is empty",
            rule="the file is well-formed XML",
            next_step="have it sent again",
        ) from error


def _refuse_document_type(raw: Path) -> str:
    """Entities are declared in one: a file of a thousand bytes may unfold into gigabytes, or name other files.

    Returns:
        the namespace that names without a prefix have.
    """
    first = next(etree.iterparse(str(raw), events=("start",), **_SAFE), None)
    if first is not None and first[1].getroottree().docinfo.doctype:
        raise FileSetAsideError(
            f"the file has a document type: {first[1].getroottree().docinfo.doctype[:80]}",
            rule="business documents have none; entities are not expanded",
            next_step="have it sent without <!DOCTYPE>",
        )
    return first[1].nsmap.get(None, "") if first is not None else ""


def local(element: etree._Element) -> str:
    """Name of an element without its namespace; empty for a comment or an instruction."""
    tag = element.tag
    return _name(tag) if isinstance(tag, str) else ""


@functools.lru_cache(maxsize=4096)
def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def leaves(
    element: etree._Element, joined: frozenset[str] = frozenset(), without: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Path below the element → text of the first leaf there, ``path@name`` → attribute.

    Args:
        element: the one looked through.
        joined: paths of which all texts are taken, a line each.
        without: paths that are not looked into.
    """
    nodes = list(element.iter("*"))
    tags, sizes = tuple([node.tag for node in nodes]), tuple([len(node) for node in nodes])
    plan = _plan(tags, sizes, without) if len(nodes) <= SMALL else _plan.__wrapped__(tags, sizes, without)
    found: dict[str, str] = {}
    for place, path in plan:
        node = nodes[place]
        text = (node.text or "").strip()
        if path not in found:
            if text:
                found[path] = text
            for attribute, value in node.items():
                found.setdefault(f"{path}@{attribute!s}", str(value))
        elif text and path in joined:
            found[path] += f"\n{text}"
    return found


@functools.lru_cache(maxsize=256)
def _plan(tags: tuple[str, ...], sizes: tuple[int, ...], without: frozenset[str]) -> tuple[tuple[int, str], ...]:
    """Place and path of each leaf below the first of some elements, which stand in the order of the document.

    Names and numbers of children tell the shape of the whole tree, and a file has thousands of elements of one shape:
    paths are made once for each.
    """
    return leaf_places(tags, sizes, without)


def leaf_places(
    tags: tuple[str, ...], sizes: tuple[int, ...], without: frozenset[str] = frozenset()
) -> tuple[tuple[int, str], ...]:
    """Place and path of each leaf, of the names and numbers of children of all elements in the document's order."""
    leaves_found: list[tuple[int, str]] = []
    open_paths: list[tuple[str, int, bool]] = [("", sizes[0], False)]  # path, children to come, whether it is left out
    for place in range(1, len(tags)):
        while not open_paths[-1][1]:
            open_paths.pop()
        prefix, left, out = open_paths[-1]
        open_paths[-1] = (prefix, left - 1, out)
        path = prefix + _name(tags[place])
        out = out or path in without
        if sizes[place]:
            open_paths.append((f"{path}/", sizes[place], out))
        elif not out:
            leaves_found.append((place, path))
    return tuple(leaves_found)
