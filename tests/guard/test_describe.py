"""What `--check` refuses before anybody asks."""

import re

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


END = f"settings = {{}}\ninputs = [{NUMBER}]\n"
SECOND = """
[[guard.endpoint]]
model = "n"
owner = "Tests"
protocol = "open-inference"
upstream = "http://127.0.0.1:9"
path = "/v2/models/m/infer"
"""
TOKENS = '[guard.jwt]\nissuer = "i"\naudience = "a"\n'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"open-inference"', '"telepathy"', "speaks 'telepathy', which is not installed"),
        ('"open-inference"', '"openai-chat"', "has task 'classification'; openai-chat carries"),
        ("http://127.0.0.1:9", "http://169.254.169.254", "link-local, a metadata service"),
        ("http://127.0.0.1:9", "http://[::ffff:169.254.169.254]:80", "link-local"),
        ("http://127.0.0.1:9", "http://0.0.0.0:9", "unspecified"),
        (END, END + SECOND, "are both at /v2/models/m/infer"),
        (END, END + TOKENS + 'jwks = "no-such-file.json"', "no-such-file.json"),
        (END, END + TOKENS + 'jwks = "https://a/k"\nalgorithms = ["none"]', "holds 'none'"),
        (END, END + TOKENS + 'jwks = "http://10.0.0.1/k"', "could be anybody's"),
    ],
)
def test_what_the_guard_would_refuse_at_its_start_is_refused_by_a_check(tmp_path, old, new, said):
    text = FILE.format(settings="{}", inputs=NUMBER)
    assert old in text
    path = tmp_path / "reticent.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(BadInput, match=re.escape(said)):
        described(load_guard(path))


def test_a_check_connects_to_nothing_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "reticent.toml"
    text = FILE.format(settings="{}", inputs=NUMBER).replace("http://127.0.0.1:9", "app")
    path.write_text(text + TOKENS + 'jwks = "https://no-such-host.invalid/keys"\n')
    assert "-> app" in described(load_guard(path))
    assert list(tmp_path.iterdir()) == [path]


def test_models_of_one_name_are_told_apart_by_their_tenants(tmp_path):
    path = tmp_path / "reticent.toml"
    text = FILE.format(settings="{}", inputs=NUMBER)
    path.write_text(text)
    assert "\nm (sensitive), answered for by Tests" in described(load_guard(path))
    second = text[text.index("[[guard.endpoint]]") :]
    path.write_text(text + second.replace('model = "m"', 'model = "m"\ntenant = "b"'))
    told = described(load_guard(path))
    assert "\nm of tenant default (sensitive), answered for by Tests" in told
    assert "\nm of tenant b (sensitive), answered for by Tests" in told


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("2852039166", "'2852039166' is another spelling of the address 169.254.169.254"),
        ("0xA9FEA9FE", "'0xa9fea9fe' is another spelling of the address 169.254.169.254"),
        ("017700000001", "'017700000001' is another spelling of the address 127.0.0.1"),
        ("169.254.169.254", "link-local"),
    ],
)
def test_an_upstream_that_hides_its_address_or_has_a_bad_one_is_refused_at_once(
    tmp_path, host, says
):
    path = tmp_path / "reticent.toml"
    text = FILE.format(settings="{}", inputs=NUMBER).replace("127.0.0.1", host)
    path.write_text(text)
    with pytest.raises(BadInput, match=re.escape(says)) as caught:
        described(load_guard(path))
    ways = ("Write 127.0.0.1, if a model server is there.", "correct upstream.")
    assert caught.value.way_out.endswith(ways[0 if "127.0.0.1" in says else 1])
