"""The expression of a shape picks what a walk through the elements finds, whatever stands in them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from backoffice.collect.files.xml import leaves
from backoffice.collect.files.xml_shape import SMALL, shape_of

NAMES = ("Amt", "Cd", "Nm")
TEXTS = st.text("a1&<>\"'=/;# \t\nø€😀]", max_size=6) | st.sampled_from(["&amp;", '="x">', "]]>", "\r"])
SPACES = {"p": "urn:p", "Cd": "urn:a-prefix-that-is-a-name"}


def _elements(children: st.SearchStrategy[list[etree._Element]]) -> st.SearchStrategy[etree._Element]:
    def made(name: str, prefix: str, text: str, value: str | None, children: list[etree._Element]) -> etree._Element:
        tag = f"{{{SPACES[prefix]}}}{name}" if prefix else name
        element = etree.Element(tag, {} if value is None else {"Ccy": value}, nsmap=SPACES)
        element.text = text
        element.extend(children)
        return element

    parts = (st.sampled_from(NAMES), st.sampled_from(["", *SPACES]), TEXTS, st.none() | TEXTS)
    return st.builds(made, *parts, children)


def _parsed(element: etree._Element) -> etree._Element:
    return etree.fromstring(etree.tostring(element))


TREES = st.recursive(_elements(st.just([])), lambda inner: _elements(st.lists(inner, max_size=4)), max_leaves=12).map(
    _parsed
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(TREES, TREES, st.lists(TEXTS, min_size=8, max_size=8))
def test_values_are_those_of_a_walk(tree: etree._Element, other: etree._Element, texts: list[str]) -> None:
    names = list(NAMES)
    below = [*names, *(f"{one}/{two}" for one in names for two in names)]
    asked = (*below, *(f"{path}@Ccy" for path in below))
    for element in (tree, _with_other_texts(tree, texts)):
        shape = shape_of(_written(tree), asked)
        walked = leaves(element)
        repeated = {path for path, times in Counter(_paths(tree)).items() if times > 1}
        if shape is None:
            assert repeated
            continue
        found = shape.values(_written(element))
        assert found is not None
        told = {path: (text or "").strip() for path, text in zip(asked, found, strict=True)}
        for path in set(below) - repeated:
            assert told[path] == walked.get(path, "")
            if path in walked:
                assert (told[f"{path}@Ccy"] or None) == (walked.get(f"{path}@Ccy", "").strip() or None)
        assert shape.counts == Counter(["", *_paths(element)])
    shape = shape_of(_written(tree), asked)
    if shape is not None and _tags(tree) != _tags(other):
        assert shape.values(_written(other)) is None


def _with_other_texts(tree: etree._Element, texts: list[str]) -> etree._Element:
    """The same shape, with other values wherever it has one."""
    copy = _parsed(tree)
    for place, element in enumerate(copy.iter()):
        element.text = element.text and (texts[place % len(texts)] or "x")
        for name in element.attrib:
            element.attrib[name] = texts[-1 - place % len(texts)]
    return copy


def _written(element: etree._Element) -> str:
    return etree.tostring(element, encoding="unicode")


def _tags(element: etree._Element) -> list[tuple[str, int, bool, list[str]]]:
    return [
        (str(one.tag), len(one), bool(one.text or len(one)), sorted(map(str, one.attrib))) for one in element.iter()
    ]


def _paths(element: etree._Element, above: str = "") -> list[str]:
    found = []
    for child in element:
        path = f"{above}{etree.QName(child).localname}"
        found += [path, *_paths(child, f"{path}/")]
    return found


def test_an_element_without_a_value_stands_beside_one_with() -> None:
    shape = shape_of("<Ntry><Cd/><Nm>a</Nm></Ntry>", ("Nm", "Cd"))
    assert shape is not None
    assert shape.values("<Ntry><Cd/><Nm>b</Nm></Ntry>") == ("b", None)
    assert shape.values("<Ntry><Cd>c</Cd><Nm>b</Nm></Ntry>") is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<Ntry>" + "<Cd>a</Cd>" * (SMALL - 2) + "<Nm>a</Nm></Ntry>", True),
        ("<Ntry>" + "<Cd>a</Cd>" * (SMALL - 1) + "<Nm>a</Nm></Ntry>", False),
        ("<Ntry><Nm>a</Nm><Nm>b</Nm></Ntry>", False),
    ],
    ids=["the largest", "too large", "twice"],
)
def test_large_elements_and_several_values_are_of_no_shape(text: str, kept: bool) -> None:
    assert (shape_of(text, ("Nm",)) is not None) == kept
