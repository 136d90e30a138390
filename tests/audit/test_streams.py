"""Each piece of work draws from a stream of its own."""

from itertools import product

from reticent.audit.streams import Part, stream


def test_streams_stay_what_they_were():
    # Records of the same seed must come out alike from one version to the next.
    assert stream(7, Part.TEXTS, "text/loss").integers(1 << 30) == 27056772
    assert stream(7, Part.TABLES, "text/loss").integers(1 << 30) == 648574568


def test_no_two_are_alike():
    drawn = {
        (seed, part, what): int(stream(seed, part, what).integers(1 << 62))
        for seed, part, what in product((0, 1), Part, ("a", "b"))
    }
    assert len(set(drawn.values())) == len(drawn) == 20
