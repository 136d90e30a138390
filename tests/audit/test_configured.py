"""What an experiment takes over from its configuration."""

from pathlib import Path

from reticent.audit.configured import configured, secret_of
from reticent.config import Config

DOC = {
    "model": {"owner": "Credit risk team", "path": "model.skops"},
    "data": {"members": "a.csv", "non_members": "b.csv", "target": "y"},
    "adversary": {"query_budget": 17},
    "policy": [{"name": "rounded", "defences": [{"kind": "round", "digits": 2}]}],
    "audit": {
        "attacks": ["lira", "map"],
        "exclude": ["gap"],
        "seed": 7,
        "tolerance": 0.02,
        "confidence": 0.8,
        "ppv_declared": 0.7,
        "declared": [{"attack": "lira"}],
    },
}


def test_every_value_comes_from_its_key():
    config = Config.model_validate(DOC)
    found = configured(config, secret=b"mine")
    assert found == {
        "owner": "Credit risk team",
        "policies": config.policies,
        "query_budget": 17,
        "attacks": ("lira", "map"),
        "exclude": ("gap",),
        "declared": (("lira", "all"),),
        "tolerance": 0.02,
        "confidence": 0.8,
        "ppv_declared": 0.7,
        "seed": 7,
        "secret": b"mine",
        "config_digest": config.digest,
        "config_path": None,
    }
    assert list(found["policies"]) == ["rounded"]


def test_without_a_secret_equal_seeds_have_equal_ones():
    config = Config.model_validate(DOC)
    assert configured(config, secret=b"")["secret"] == secret_of(7) != secret_of(8)


def test_the_file_that_it_was_read_from_is_named_as_given():
    placed = Config.model_validate(DOC).written_in(Path("deep/reticent.toml"), {})
    assert configured(placed, secret=b"")["config_path"] == str(Path("deep/reticent.toml"))
