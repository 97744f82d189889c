"""Elements of one shape: same names in the same order, other texts.

A file has thousands of elements of a few shapes. libxml2 writes an element as text, and the regular expression of its
shape picks the values out, which is several times as fast as to ask Python for each element below it.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from xml.sax.saxutils import unescape

from backoffice.collect.files.xml import SMALL

Values = tuple[str | None, ...]

_VALUE = re.compile(r'(>)[^<]+(?=<)|(=")[^"]*(")')
_TAG = re.compile(r"<(?P<closes>/?)(?P<full>(?:[^\s/>:]*:)?(?P<name>[^\s/>:]+))(?P<attributes>[^>]*?)(?P<empty>/?)>")
_ATTRIBUTE = re.compile(r'(?P<before>\s(?:[^\s=:]*:)?(?P<name>[^\s=:]+))=""')
_REFERENCES = {"&quot;": '"', "&#9;": "\t", "&#10;": "\n", "&#13;": "\r"}  # as libxml2 writes them


@dataclass(frozen=True, slots=True)
class Shape:
    """Where elements of one shape have their values.

    Attributes:
        counts: how many elements there are at each path; the first is at the empty one.
    """

    counts: Mapping[str, int]
    _expression: re.Pattern[str]
    _pick: Callable[[Values], Values]

    def values(self, text: str) -> Values | None:
        """Text at each path that was asked for, None where the shape has no such path.

        Args:
            text: an element as libxml2 writes it.

        Returns:
            None when the element is of another shape.
        """
        found = self._expression.fullmatch(text)
        if found is None:
            return None
        values = self._pick((*found.groups(), None))
        if "&" in text:
            return tuple([value and unescape(value, _REFERENCES) for value in values])
        return values


def shape_of(text: str, asked: tuple[str, ...]) -> Shape | None:
    """The shape of an element, from which its values and those of its like are picked.

    Args:
        text: the element as libxml2 writes it, without comments and instructions.
        asked: paths below the element, of names without namespaces: ``Sts/Cd``, or ``Amt@Ccy`` for an attribute.

    Returns:
        None when one of the paths has several values, or when the element is a large one.
    """
    names = _VALUE.sub(r"\1\2\3", text)
    return _shape(names, asked) if names.count("<") <= 2 * SMALL else None


@functools.lru_cache(maxsize=256)
def _shape(names: str, asked: tuple[str, ...]) -> Shape | None:
    maker = _Maker(asked)
    tags = list(_TAG.finditer(names))
    for tag, following in pairwise([*tags, None]):
        assert tag is not None
        maker.add(tag, is_leaf=following is not None and following["closes"] == "/")
    if len(set(maker.groups)) < len(maker.groups):
        return None
    groups = {path: place for place, path in enumerate(maker.groups)}
    pick: Callable[[Values], Values] = itemgetter(*[groups.get(path, -1) for path in asked])
    return Shape(maker.counts, re.compile("".join(maker.expression[:-1])), pick)


@dataclass(slots=True)
class _Maker:
    """A shape on the way through the tags of its first element.

    Attributes:
        expression: what is seen so far; between two tags that no value is asked of, any text is let pass.
        groups: paths whose values it takes, in its order.
    """

    asked: tuple[str, ...]
    expression: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _above: list[str] = field(default_factory=list)

    def add(self, tag: re.Match[str], *, is_leaf: bool) -> None:
        """Go on by one tag."""
        if tag["closes"]:
            self._above.pop()
            self.expression += [re.escape(tag[0]), "[^<]*"]
            return
        self._above.append(tag["name"])
        path = "/".join(self._above[1:])
        self.counts[path] += 1
        attributes = _ATTRIBUTE.sub(lambda found: self._attribute(found, path), tag["attributes"])
        self.expression.append(f"<{re.escape(tag['full'])}{attributes}{tag['empty']}>")
        if tag["empty"]:
            self._above.pop()
        self.expression.append(self._value(path) if is_leaf and not tag["empty"] else "[^<]*")

    def _attribute(self, found: re.Match[str], path: str) -> str:
        value = self._value(f"{path}@{found['name']}", without='"')
        return f'{re.escape(found["before"])}="{value}"'

    def _value(self, path: str, without: str = "<") -> str:
        if path not in self.asked:
            return f"[^{without}]*"
        self.groups.append(path)
        return f"([^{without}]*)"
