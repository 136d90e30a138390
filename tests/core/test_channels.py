from reticent.core import NO_CHANNEL, Channel, Family, Seen


def test_channels_are_subsets_not_a_ladder():
    assert Channel.LABEL not in Channel.SCORES
    assert NO_CHANNEL in Channel.LABEL
    assert (Channel.LABEL | Channel.VALUE) & Channel.VALUE == Channel.VALUE
    assert len(Channel) == 13


def test_names_in_files_are_stable():
    assert [s.value for s in Seen] == ["nothing", "y", "label", "scores"]
    assert {f.value for f in Family} == {
        "membership", "range", "attribute", "record", "chain", "artefact", "extraction",
        "reconstruction", "text", "embedding",
    }  # fmt: skip
