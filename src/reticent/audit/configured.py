"""What an experiment takes over from its configuration, whatever its modality."""

import hashlib
from collections.abc import Mapping
from typing import TypedDict

from reticent.config import Config, EmbeddingConfig, ImageConfig, LanguageConfig
from reticent.policy import Policy


class Configured(TypedDict):
    """Fields that every experiment has; each says of its own what they mean there."""

    owner: str
    policies: Mapping[str, Policy]
    query_budget: int | None
    attacks: tuple[str, ...]
    exclude: tuple[str, ...]
    declared: tuple[tuple[str, str], ...]
    tolerance: float
    confidence: float
    ppv_declared: float
    seed: int
    secret: bytes
    config_digest: str
    config_path: str | None


def configured(
    config: Config | EmbeddingConfig | ImageConfig | LanguageConfig, *, secret: bytes
) -> Configured:
    """Return what an experiment takes over as it stands.

    Args:
        config: as loaded from `reticent.toml`.
        secret: key of the endpoint's noise and of the pseudonyms; derived from the seed if empty.
    """
    audit = config.audit
    return Configured(
        owner=config.model.owner,
        policies=config.policies,
        query_budget=config.adversary.query_budget,
        attacks=tuple(audit.attacks),
        exclude=tuple(audit.exclude),
        declared=audit.family,
        tolerance=audit.tolerance,
        confidence=audit.confidence,
        ppv_declared=audit.ppv_declared,
        seed=audit.seed,
        secret=secret or secret_of(audit.seed),
        config_digest=config.digest,
        config_path=None if config.path is None else str(config.path),
    )


def secret_of(seed: int) -> bytes:
    """Return the secret of an audit that was given none, so that equal runs give equal records."""
    return hashlib.sha256(b"reticent-secret-%d" % seed).digest()
