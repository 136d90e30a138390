from hypothesis import given, strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from reticent.guard.metrics import SECONDS, Metrics


def samples(exposition):
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(exposition.decode())
        for s in family.samples
    }


@given(st.lists(st.one_of(st.floats(0, 40), st.sampled_from(SECONDS)), max_size=30))
def test_the_histogram_is_the_one_that_prometheus_own_client_makes(times):
    registry = CollectorRegistry()
    theirs = Histogram(
        "reticent_request_seconds", "x", ("model",), buckets=SECONDS, registry=registry
    )
    ours = Metrics()
    for seconds in times:
        theirs.labels("m").observe(seconds)
        ours.answered("m", 1, seconds)
    found, expected = samples(ours.exposition()), samples(generate_latest(registry))
    for key, value in expected.items():
        if not key[0].endswith("_created"):
            assert abs(found[key] - value) < 1e-9, key


def test_everything_that_was_counted_is_shown():
    metrics = Metrics()
    metrics.arrived()
    metrics.arrived()
    metrics.left()
    metrics.count("m", "answered")
    metrics.count("m", "answered")
    metrics.count("", "unauthenticated")
    metrics.answered("m", 5, 0.2)
    metrics.in_force([("m", "rounded", "d1")])
    metrics.suspected("m", "repeats")
    metrics.journal(up=False)
    found = samples(metrics.exposition())
    assert found["reticent_in_flight", ()] == 1
    answered = (("model", "m"), ("outcome", "answered"))
    assert found["reticent_requests_total", answered] == 2
    assert found["reticent_rows_total", (("model", "m"),)] == 5
    in_force = (("digest", "d1"), ("model", "m"), ("policy", "rounded"))
    assert found["reticent_policy_in_force", in_force] == 1
    assert found["reticent_journal_up", ()] == 0


def test_a_policy_that_was_replaced_is_gone():
    metrics = Metrics()
    metrics.in_force([("m", "rounded", "d1")])
    metrics.in_force([("m", "label", "d2")])
    shown = metrics.exposition().decode()
    assert "d2" in shown
    assert "d1" not in shown


def test_models_of_one_name_and_policy_are_one_series():
    metrics = Metrics()
    metrics.in_force([("m", "rounded", "d1"), ("m", "rounded", "d1"), ("m", "label", "d2")])
    lines = metrics.exposition().decode().splitlines()
    shown = [line for line in lines if line.startswith("reticent_policy_in_force{")]
    assert len(shown) == len(set(shown)) == 2
