"""The Python API: a real model in under ten lines."""

import subprocess
import sys

import pytest

EXAMPLE = """
import reticent
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
x, y = load_breast_cancer(return_X_y=True, as_frame=True)
model = RandomForestClassifier(20, random_state=0).fit(x[:250], y[:250])
record = reticent.audit_model(
    model, members=(x[:250], y[:250]), non_members=(x[250:], y[250:]), owner="Diagnostics team",
    sensitive=["mean radius"], policies={"open": reticent.Policy()}, only=["loss", "map"], seed=7)
page = reticent.render(record, "html")
"""


def test_a_model_is_audited_in_under_ten_lines():
    lines = [line for line in EXAMPLE.strip().splitlines() if line.strip()]
    assert len(lines) < 10
    names: dict[str, object] = {}
    exec(EXAMPLE, names)  # the very text that the test counts
    record, page = names["record"], names["page"]
    assert {c.attack for c in record.cells} == {"loss", "map"}
    assert "Diagnostics team" in page


def test_everything_promised_can_be_imported():
    import reticent

    for name in reticent.__all__:
        assert getattr(reticent, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'audit_modell'"):
        reticent.audit_modell  # noqa: B018


def test_importing_the_package_loads_nothing_heavy():
    heavy = "{'sklearn', 'torch', 'matplotlib', 'pandas'}"
    code = f"import reticent, sys; print({heavy} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
