"""A page as a test sees it: elements with their attributes and their text."""

from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Element:
    tag: str
    attrs: dict[str, str | None]
    parent: "Element | None"
    children: "list[Element | str]" = field(default_factory=list)

    @property
    def text(self) -> str:
        parts = [c if isinstance(c, str) else c.text for c in self.children]
        return " ".join("".join(parts).split())

    def walk(self):
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    @cached_property
    def by_id(self):
        return {e.attrs["id"]: e for e in self.walk() if "id" in e.attrs}

    def find(self, tag=None, **attrs):
        """Return all elements below with this tag, these attributes and these classes."""
        wanted = {k.rstrip("_").replace("_", "-"): v for k, v in attrs.items()}
        classes = set(str(wanted.pop("class", "")).split())
        return [
            e
            for e in self.walk()
            if (tag is None or e.tag == tag)
            and classes <= set((e.attrs.get("class") or "").split())
            and all(e.attrs.get(k) == v for k, v in wanted.items())
        ]


class _Builder(HTMLParser):
    def __init__(self):
        HTMLParser.__init__(self, convert_charrefs=True)
        self.root = self.at = Element("#", {}, None)
        self.errors: list[str] = []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.errors.append(f"<{tag}> has an attribute twice: {names}")
        element = Element(tag, dict(attrs), self.at)
        self.at.children.append(element)
        if tag not in VOID:
            self.at = element

    def handle_startendtag(self, tag, attrs):
        self.at.children.append(Element(tag, dict(attrs), self.at))

    def handle_endtag(self, tag):
        if self.at.tag != tag:
            self.errors.append(f"</{tag}> closes <{self.at.tag}>")
            return
        self.at = self.at.parent

    def handle_data(self, data):
        self.at.children.append(data)

    def handle_comment(self, data):
        self.errors.append(f"comment {data!r}")


def parse(html: str) -> Element:
    """Return the page; raise if its elements do not nest."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert builder.errors == []
    assert builder.at is builder.root, f"<{builder.at.tag}> is never closed"
    return builder.root
