"""Open the text filter that an endpoint's configuration names."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import blake2b

from reticent.config import GuardFile
from reticent.config.guard import Endpoint
from reticent.guard.text_filter import FilterMaker, Finding, PassText
from reticent.textindex.fold import Fold
from reticent.textindex.index import open_index
from reticent.textindex.screen import ScreenMaker, ScreenRules


def open_screen(file: GuardFile, endpoint: Endpoint) -> FilterMaker:
    """Return what makes a filter for each of an endpoint's texts.

    Raises: BadInput for an index that cannot be relied on, or without the extra `textfilter`.
    """
    wanted = endpoint.text_filter
    if wanted is None:
        return PassText
    key = None if wanted.key is None else file.base / wanted.key
    index = None if wanted.index is None else open_index(file.base / wanted.index, key=key)
    allow = None if wanted.allow is None else open_index(file.base / wanted.allow)
    rules = ScreenRules(
        index=index,
        allow=allow,
        stop=wanted.action != "redact",
        near=wanted.near,
        hold=wanted.hold,
        personal=wanted.personal,
        marker=wanted.marker,
    )
    return ScreenMaker(rules, Fold())


def screen_digest(maker: FilterMaker) -> str:
    """Return what changes when a filter does: its rules, or what it looks for; "" for none."""
    if not isinstance(maker, ScreenMaker):
        return ""
    rules = maker.rules
    told = {
        "stop": rules.stop,
        "near": rules.near,
        "hold": rules.hold,
        "personal": rules.personal,
        "marker": rules.marker,
        "index": None if rules.index is None else rules.index.manifest,
        "allow": None if rules.allow is None else rules.allow.manifest,
    }
    return blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=8).hexdigest()


def is_private(findings: Sequence[Finding]) -> bool:
    """Return whether something of the corpus was found, and not personal data alone."""
    return any(found.fingerprint for found in findings)


def noted(findings: Sequence[Finding]) -> list[dict[str, str | int]]:
    """Return findings as the journal keeps them: equal ones once, with their number."""
    return [{**asdict(found), "times": times} for found, times in Counter(findings).items()]
