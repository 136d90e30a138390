"""One way to a model, and which model an endpoint is asked for."""

import pytest

from reticent.config.reach_faults import faults_of_url, faults_of_ways

WAYS = ("path", "call", "url")


@pytest.mark.parametrize("way", WAYS)
def test_one_way_is_right(way):
    assert not list(faults_of_ways({way: "x"}, WAYS, none="none", path="m"))


def test_no_way_is_a_fault_of_the_table():
    (fault,) = faults_of_ways({"path": None}, WAYS, none="neither of them", path="m.gguf")
    assert fault.key == ("model",)
    assert fault.what == ("model has neither of them; exactly one of them says how it is reached.")
    assert fault.way_out == 'Write for example path = "m.gguf".'


def test_two_ways_are_a_fault_of_the_second():
    model = {"url": "http://127.0.0.1:1", "path": "m"}
    (fault,) = faults_of_ways(model, WAYS, none="none", path="m")
    assert fault.key == ("model", "url")
    assert fault.what.startswith("model has path and url;")


def test_an_endpoint_is_told_which_model_it_is_asked_for():
    (fault,) = faults_of_url({"url": "http://127.0.0.1:1"}, served_as="writer")
    assert fault.key == ("model", "url")
    assert 'served_as = "writer"' in fault.way_out
    assert not list(faults_of_url({"url": "http://127.0.0.1:1", "served_as": "m"}, served_as="w"))
    assert not list(faults_of_url({"path": "m"}, served_as="w"))
