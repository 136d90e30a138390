"""What is broken, where, and which tests must turn red."""

from dataclasses import dataclass

LAWS = "tests/mutation/test_laws.py::"
CONFORMANCE = "tests/test_conformance.py::"
EXACT = (
    '        np.where(some, k, 0), np.where(some, total, 1), alpha=1 - confidence, method="beta"\n'
)
AT_ONCE = (
    "tests/guard/limits/test_memory.py::test_what_is_granted_at_once_is_what_a_closer_look_grants"
)
P_VALUES = "[done[i].cell.p_value if i in done else None for i in family]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One place of the package, broken.

    Attributes:
        name: what is broken.
        file: path below src/reticent.
        old: the exact text there, once in the file.
        new: what stands there instead.
        killers: tests that must turn red, every one of them.
    """

    name: str
    file: str
    old: str
    new: str
    killers: tuple[str, ...]


MUTANTS = (
    Mutant(
        name="membership sign flipped",
        file="attacks/_membership_signal.py",
        old="np.log(np.maximum(own, floor)) - np.log(np.maximum(others, floor))",
        new="np.log(np.maximum(others, floor)) - np.log(np.maximum(own, floor))",
        killers=(CONFORMANCE + "test_attack[loss-finds_the_planted_leak]",),
    ),
    Mutant(
        name="reference models with and without the candidate mixed up",
        file="attacks/_membership_scores.py",
        old="    mean, n_out = masked_mean(s.references, ~s.contains)",
        new="    mean, n_out = masked_mean(s.references, s.contains)",
        killers=(LAWS + "test_a_member_surprises_models_that_never_saw_it",),
    ),
    Mutant(
        name="policy skipped",
        file="access.py",
        old="self.policy.apply(raw, self._in_order(x), secret=self.secret).only(open_channels)",
        new="raw.only(open_channels)",
        killers=(LAWS + "test_an_answer_has_passed_the_policy",),
    ),
    Mutant(
        name="channels that the policy shut stay open",
        file="access.py",
        old="return self.policy.exposes(offered & ~Channel.WEIGHTS) | beyond",
        new="return offered",
        killers=(LAWS + "test_a_channel_that_the_policy_shuts_is_shut",),
    ),
    Mutant(
        name="ledger not charged",
        file="access.py",
        old="        self.ledger.charge(self.identity, len(x))\n",
        new="",
        killers=(
            CONFORMANCE + "test_attack[loss-counts_its_queries]",
            CONFORMANCE + "test_attack[loss-keeps_to_its_query_budget]",
        ),
    ),
    Mutant(
        name="hidden values handed to the attack",
        file="audit/prepare.py",
        old=".drop(columns=list(task.hidden))",
        new=".drop(columns=[])",
        killers=(LAWS + "test_candidates_come_without_what_is_hidden",),
    ),
    Mutant(
        name="an attack reads the truth",
        file="attacks/membership/loss.py",
        old="from reticent.attacks.base import Knowledge\n",
        new="from reticent.attacks.base import Knowledge\n"
        "from reticent.audit.truth import Truth as Truth\n",
        killers=(LAWS + "test_no_attack_imports_the_truth",),
    ),
    Mutant(
        name="shuffled labels in membership grading",
        file="audit/grade/membership.py",
        old="    inside, outside = ranks[is_member], ranks[~is_member]\n    area",
        new="    is_member = np.roll(is_member, 7)\n"
        "    inside, outside = ranks[is_member], ranks[~is_member]\n    area",
        killers=(LAWS + "test_grading_knows_who_is_a_member",),
    ),
    Mutant(
        name="members and others swapped in the area",
        file="audit/grade/membership.py",
        old="    area = auc(inside, outside, confidence=confidence)",
        new="    area = auc(outside, inside, confidence=confidence)",
        killers=(LAWS + "test_grading_knows_who_is_a_member",),
    ),
    Mutant(
        name="interval ends swapped",
        file="stats/intervals.py",
        old="    lower, upper = proportion_confint(\n" + EXACT,
        new="    upper, lower = proportion_confint(\n" + EXACT,
        killers=("tests/stats/test_intervals.py::test_zero_of_a_hundred_is_not_zero",),
    ),
    Mutant(
        name="baseline dropped: gain is the attack alone",
        file="stats/differences.py",
        old="            correct_attack, b, metric=metric,",
        new="            correct_attack, np.zeros(len(np.asarray(b))), metric=metric,",
        killers=("tests/stats/test_differences.py::test_gain_is_against_the_best_baseline",),
    ),
    Mutant(
        name="worst baseline in place of the best",
        file="stats/differences.py",
        old="    best = min(range(len(plain)), key=lambda i: plain[i].estimate or 0.0)",
        new="    best = max(range(len(plain)), key=lambda i: plain[i].estimate or 0.0)",
        killers=("tests/stats/test_differences.py::test_gain_is_against_the_best_baseline",),
    ),
    Mutant(
        name="Holm dropped",
        file="stats/multiplicity.py",
        old="np.maximum.accumulate(filled[order] * left)",
        new="np.maximum.accumulate(filled[order])",
        killers=("tests/stats/test_multiplicity.py::test_holm_by_hand",),
    ),
    Mutant(
        name="verdicts on p-values as they come",
        file="audit/verdict.py",
        old="family, holm(" + P_VALUES + "), strict=True",
        new="family, " + P_VALUES + ", strict=True",
        killers=(LAWS + "test_declared_cells_are_corrected_for_each_other",),
    ),
    Mutant(
        name="top-k withholds nothing",
        file="defences/top_k.py",
        old="        return Answer(labels=answer.labels, scores=shown)",
        new="        return Answer(labels=answer.labels, scores=answer.scores)",
        killers=(CONFORMANCE + "test_defence[top_k-keeps_to_the_channels_it_leaves]",),
    ),
    Mutant(
        name="keyed noise without its key",
        file="defences/base.py",
        old="hmac.digest(self.secret, label",
        new='hmac.digest(b"no secret", label',
        killers=(
            CONFORMANCE + "test_defence[keyed_noise-draws_by_the_key_alone]",
            "tests/defences/test_keyed_noise.py::test_noise_differs_between_secrets_steps_and_questions",
        ),
    ),
    Mutant(
        name="canonical row ignores a column",
        file="core/inputs.py",
        old="    plain = [_plain_column(x.iloc[:, j]) for j in range(x.shape[1])]",
        new="    plain = [_plain_column(x.iloc[:, j]) for j in range(1, x.shape[1])]",
        killers=(LAWS + "test_no_column_is_left_out_of_a_rows_name",),
    ),
    Mutant(
        name="found rows: everybody's",
        file="attacks/_rows.py",
        old="    same: Bools = np.isfinite(distance)",
        new="    same: Bools = np.isfinite(distance) | True",
        killers=(CONFORMANCE + "test_attack[artefact-scan-finds_the_planted_leak]",),
    ),
    Mutant(
        name="range membership takes popularity for membership",
        file="attacks/range/neighbourhood.py",
        old="    found = _top_mean(target - total / count, keep)",
        new="    found = _top_mean(target, keep)",
        killers=(
            "tests/attacks/range/test_neighbourhood.py::test_a_popularity_that_all_share_cancels",
        ),
    ),
    Mutant(
        name="what the table names is not compared with the corpus",
        file="textindex/kernels.py",
        old="and history[(q - length) & (RING - 1)] == text[at + BLOCK - 1 - length]",
        new="",
        killers=(
            "tests/textindex/test_index.py::test_nothing_is_flagged_that_the_corpus_does_not_hold",
        ),
    ),
    Mutant(
        name="look-alikes fold to themselves",
        file="textindex/lookalikes.py",
        old="for each in those}",
        new="for each in those[:0]}",
        killers=("tests/textindex/test_fold.py::test_what_looks_alike_folds_alike",),
    ),
    Mutant(
        name="letters go out before a span that they begin can be known",
        file="textindex/screen.py",
        old="return self._verdict(self._read - self._hold, self._stretches.safe)",
        new="return self._verdict(self._read, self._stretches.safe)",
        killers=(
            "tests/textindex/test_screen.py::test_no_span_of_the_corpus_is_ever_out",
            "tests/textindex/test_screen.py::test_no_more_is_held_back_than_must_be",
        ),
    ),
    Mutant(
        name="pictures drawn uphill",
        file="attacks/_images/climb.py",
        old="unit_rms(prior(-slope, rows[there], done))",
        new="unit_rms(prior(slope, rows[there], done))",
        killers=(
            "tests/attacks/inversion/test_white_box.py::"
            "test_every_loss_and_prior_finds_the_planted_prototypes[margin]",
        ),
    ),
    Mutant(
        name="what public pictures show is not kept to",
        file="attacks/_images/priors.py",
        old="kept = unit_rms((direction @ basis.T * stretch) @ basis)",
        new="kept = unit_rms(direction)",
        killers=(
            "tests/attacks/_images/test_priors.py::"
            "test_leaning_keeps_half_of_a_direction_to_what_public_pictures_show",
        ),
    ),
    Mutant(
        name="inner layers are read uphill",
        file="attacks/_images/readings.py",
        old="found.append(unit_rms(reading(-slope)))",
        new="found.append(unit_rms(reading(slope)))",
        killers=(
            "tests/attacks/_images/test_readings.py::test_readings_see_what_a_head_was_given",
        ),
    ),
    Mutant(
        name="pieces are the first, not the most alike",
        file="attacks/_images/exemplars.py",
        old="    chosen = near[best]  # (m, k, d)",
        new="    chosen = near[best * 0 + np.arange(most)]  # (m, k, d)",
        killers=(
            "tests/attacks/_images/test_exemplars.py::"
            "test_noise_goes_and_a_face_of_known_parts_stays",
        ),
    ),
    Mutant(
        name="a step that leads back is taken",
        file="attacks/_images/climb.py",
        old="        go = sees & ~back",
        new="        go = sees",
        killers=(
            "tests/attacks/_images/test_climb.py::"
            "test_a_picture_stops_where_the_direction_turns_back",
        ),
    ),
    Mutant(
        name="the guard grants a row that no budget holds",
        file="guard/limits/group.py",
        old="            if spent > most or spent > one.leased:\n",
        new="            if spent > most + 1:\n",
        killers=(AT_ONCE,),
    ),
    Mutant(
        name="the guard goes by allowances that were changed",
        file="guard/limits/memory.py",
        old="                one.adopt(scope)\n                self._groups.clear()\n",
        new="                one.adopt(scope)\n",
        killers=(AT_ONCE,),
    ),
    Mutant(
        name="a key that comes twice goes unseen",
        file="protocols/_json.py",
        old="            if written == body or",
        new="            if written or",
        killers=(
            "tests/protocols/test_json.py::"
            "test_agrees_with_the_standard_library_on_keys_that_come_twice",
        ),
    ),
)
