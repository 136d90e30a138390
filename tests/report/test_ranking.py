"""The first screen names the worst finding and the cheapest policy that removes it."""

from report import sample
from reticent.report.ranking import clears, policy_line, severity, top_finding, utility
from reticent.report.summary import summarise


def changed(record, **cells):
    """Return a record whose cells of a policy have other values: policy -> changes."""
    return record.model_copy(
        update={
            "cells": [
                c.model_copy(update=cells.get(c.policy.replace("-", "_"), {})) for c in record.cells
            ]
        }
    )


def test_the_worst_tier_comes_first():
    record = sample.build()
    top = top_finding(record)
    assert top is not None
    assert top.tier == "E2"
    assert top.harm == "high"
    same = [c for c in record.cells if (c.tier, c.harm) == ("E2", "high")]
    assert top.primary.lower == max(c.primary.lower for c in same)
    assert sorted(record.cells, key=severity)[0].tier == "E2"


def test_the_cheapest_policy_that_clears_everything_is_named():
    record = sample.build()
    assert "“keyed-noise”" in summarise(record).do[0]
    free = changed(record, label_only={"verdict": "nothing found", "tier": "E0"})
    assert "“label-only”" in summarise(free).do[0], "it costs no accuracy"


def test_inconclusive_is_not_cleared():
    record = sample.build()
    assert clears(record.cells, "keyed-noise")
    unsure = changed(record, keyed_noise={"verdict": "inconclusive", "tier": "E?"})
    assert not clears(unsure.cells, "keyed-noise")
    assert not clears(record.cells, "never-audited")


def test_no_policy_helps_is_said():
    record = changed(sample.build(), keyed_noise={"verdict": "finding", "tier": "E1"})
    do = summarise(record).do
    assert do[0].startswith("None of the audited policies")
    assert do[1].startswith("The policy “keyed-noise” leaves the least of it")


def test_a_finding_in_the_file_is_no_policys_to_remove():
    record = sample.build()
    assert "model file" in summarise(record).do[1]
    only = record.model_copy(update={"cells": [c for c in record.cells if c.access == "weights"]})
    assert summarise(only).do[0].startswith("No output policy")


def test_copying_the_model_is_told_apart():
    record = sample.build()
    copy = record.cells[0].model_copy(
        update={"id": "extraction/x", "family": "extraction", "tier": "E3", "verdict": "finding"}
    )
    more = record.model_copy(update={"cells": [*record.cells, copy]})
    assert top_finding(more) == top_finding(record)


def test_an_error_that_grows_is_a_loss():
    entry = sample.build().policies[0]
    worse = entry.model_copy(
        update={"utility": [sample.figure("mae_before", 0.2), sample.figure("mae_after", 0.5)]}
    )
    record = sample.build().model_copy(update={"policies": [worse]})
    assert round(policy_line(record, worse).loss, 9) == 0.3
    assert utility(worse)[0].metric == "mae_before"
    silent = entry.model_copy(update={"utility": []})
    assert policy_line(record, silent).loss is None


def test_an_invalid_audit_concludes_nothing():
    s = summarise(sample.invalid())
    assert "invalid" in s.headline
    assert "shuffled membership" in s.leaks[0]
    said = " ".join((*s.leaks, *s.whom, *s.sure, *s.do))
    assert "[" not in said, "no figure is quoted"


def test_inconclusive_is_not_nothing_found():
    assert summarise(sample.inconclusive()).headline.startswith("Inconclusive")
    assert summarise(sample.quiet()).headline.startswith("Nothing was found")
    assert "could have been missed" in summarise(sample.quiet()).sure[0]


def test_an_audit_that_is_too_small_is_given_more_of_what_it_counts():
    small = sample.inconclusive()
    assert summarise(small).do == (
        "Give the audit more people, or a larger tolerance, and run it again.",
    )
    for family in ("text", "embedding"):
        of_texts = small.model_copy(
            update={"cells": [c.model_copy(update={"family": family}) for c in small.cells]}
        )
        assert summarise(of_texts).do[0].startswith("Give the audit more texts,")
