"""Canaries that were made for a corpus, and how often each was planted: the auditor's alone."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from reticent.attacks.language._canary_format import Canary, CanaryFormat
from reticent.core import BadInput, BadRecord

VERSION = 1
OWNER = "{owner}"
TEMPLATE = "The access code of {owner}, as kept by the office, is"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryList:
    """What whoever trains the model plants, and nobody else sees.

    Attributes:
        format: of all secrets.
        canaries: planted ones and never planted ones, in an order that says nothing of it.
        copies: (n,) times that each is planted; 0 for the controls.
    """

    format: CanaryFormat
    canaries: tuple[Canary, ...]
    copies: tuple[int, ...]

    def planted(self) -> list[str]:
        """Return the sentences to plant, each as often as it is to stand in the corpus."""
        return [c.text for c, n in zip(self.canaries, self.copies, strict=True) for _ in range(n)]

    @property
    def digest(self) -> str:
        """Return the name of the list."""
        return _digest(_content(self))


def make_canaries(
    form: CanaryFormat,
    *,
    levels: Sequence[int],
    each: int,
    owners: Sequence[str],
    rng: np.random.Generator,
    template: str = TEMPLATE,
    after: str = ".",
) -> CanaryList:
    """Return canaries with secrets drawn uniformly, `each` for every number of copies.

    Args:
        form: the space of secrets.
        levels: numbers of copies; 0 makes the controls that every audit needs.
        each: canaries for each of them.
        owners: names of whom the canaries speak, one each, so that no two begin alike.
        rng: draws secrets, owners and the order; from a source that nobody can guess.
        template: the text before the secret, with `{owner}` in it.
        after: the text behind the secret.

    Raises: BadInput if there are too few owners, no level 0, no owner in the template, or no
        text that can be written.
    """
    wanted = len(levels) * each
    known = list(dict.fromkeys(owners))
    if OWNER not in template or template != template.strip():
        raise BadInput(
            f"The template {template!r} must have {OWNER} in it and no space at its ends.",
            way_out=f"For example {TEMPLATE!r}.",
        )
    if template.encode("utf-8", "ignore").decode() != template:
        raise BadInput(
            f"The template {template!a} has bytes in it that are no UTF-8.",
            way_out="Write it in a terminal that is set to UTF-8.",
        )
    if 0 not in levels or min(levels) < 0 or len(set(levels)) < len(levels):
        raise BadInput(
            f"Levels {list(levels)} need 0, no negative number and none twice.",
            way_out="Canaries that are never planted are what the others are compared with.",
        )
    if each < 2:
        raise BadInput(
            f"{each} canary for each level gives no interval.", way_out="Make 5 or more."
        )
    if wanted > len(known) or wanted > form.size:
        raise BadInput(
            f"{wanted} canaries need as many owners ({len(known)}) and secrets ({form.size}).",
            way_out="Make fewer, or choose a larger format.",
        )
    secrets: list[str] = []
    while len(secrets) < wanted:
        if (secret := form.draw(rng)) not in secrets:
            secrets.append(secret)
    picked = rng.choice(len(known), size=wanted, replace=False)
    copies = rng.permutation(np.repeat(levels, each))
    canaries = tuple(
        Canary(before=template.replace(OWNER, known[i]), secret=secret, format=form, after=after)
        for i, secret in zip(picked.tolist(), secrets, strict=True)
    )
    return CanaryList(format=form, canaries=canaries, copies=tuple(copies.tolist()))


def write_canaries(path: Path, canaries: CanaryList) -> None:
    """Write a list where nobody but its owner can read it; an existing one is never overwritten.

    Raises: BadInput if there is a file already, or it cannot be written.
    """
    content = _content(canaries)
    text = json.dumps({"digest": _digest(content), **content}, ensure_ascii=False, indent=1)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise BadInput(
            f"{path} is there already; secrets that were planted must not be lost.",
            way_out="Choose another name.",
        ) from error
    except OSError as error:
        raise BadInput(
            f"Cannot write {path}: {error.strerror}.", way_out="Choose another place."
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def read_canaries(path: Path) -> CanaryList:
    """Return a list as it was written.

    Raises: BadInput if there is none; BadRecord if it was changed, cut short, or is of another
        version.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise BadInput(
            f"{path}: it cannot be read ({error.strerror or error}).",
            way_out="Name the file that `reticent canaries make` wrote.",
        ) from error
    except UnicodeDecodeError as error:
        raise BadRecord(
            f"{path} is no list of canaries.", way_out="Name the file that `canaries make` wrote."
        ) from error
    try:
        content = json.loads(text)
        digest = content.pop("digest")
        version = content["version"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRecord(
            f"{path} is no list of canaries.", way_out="Name the file that `canaries make` wrote."
        ) from error
    if version != VERSION:
        raise BadRecord(
            f"{path} is of version {version}; this program reads {VERSION}.",
            way_out="Use the version that made it.",
        )
    if digest != _digest(content):
        raise BadRecord(
            f"{path} is not as it was written.",
            way_out="Take the copy that was kept; figures from changed secrets mean nothing.",
        )
    form = CanaryFormat(content["format"], tuple(tuple(slot) for slot in content["slots"]))
    rows = content["canaries"]
    return CanaryList(
        format=form,
        canaries=tuple(
            Canary(
                before=r["before"],
                secret=r["secret"],
                format=form,
                joint=r["joint"],
                after=r["after"],
            )
            for r in rows
        ),
        copies=tuple(r["copies"] for r in rows),
    )


def _content(canaries: CanaryList) -> dict[str, Any]:
    return {
        "version": VERSION,
        "format": canaries.format.name,
        "slots": [list(slot) for slot in canaries.format.slots],
        "canaries": [
            {
                "before": c.before,
                "joint": c.joint,
                "secret": c.secret,
                "after": c.after,
                "copies": n,
            }
            for c, n in zip(canaries.canaries, canaries.copies, strict=True)
        ],
    }


def _digest(content: dict[str, Any]) -> str:
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(plain.encode()).hexdigest()
