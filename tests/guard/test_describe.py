"""What `--check` refuses before anybody asks."""

import pytest

from reticent.config import load_guard
from reticent.core import BadInput
from reticent.guard.describe import described

FILE = """
[[policy]]
name = "open"
defences = []
[guard]
[[guard.endpoint]]
model = "m"
owner = "Tests"
protocol = "open-inference"
upstream = "http://127.0.0.1:9"
policy = "open"
classes = [0, 1]
settings = {settings}
inputs = [{inputs}]
"""
TEXT, NUMBER = '{name = "a", kind = "text"}', '{name = "b"}'


@pytest.mark.parametrize(
    ("settings", "inputs", "fits"),
    [
        ("{}", f"{TEXT}, {NUMBER}", False),
        ('{form = "columns"}', f"{TEXT}, {NUMBER}", True),
        ("{}", TEXT, True),
        ("{}", NUMBER, True),
    ],
)
def test_inputs_that_no_tensor_carries_are_refused_at_once(tmp_path, settings, inputs, fits):
    path = tmp_path / "reticent.toml"
    path.write_text(FILE.format(settings=settings, inputs=inputs))
    file = load_guard(path)
    if fits:
        assert "POST /v2/models/m/infer" in described(file)
    else:
        with pytest.raises(BadInput, match="one tensor cannot carry"):
            described(file)
