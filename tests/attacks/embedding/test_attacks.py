"""Attacks on vectors under policies, and where they stop. That they conform is tested elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

from reticent.attacks.embedding.alignment import Alignment
from reticent.attacks.embedding.decoder import WordDecoder
from reticent.attacks.embedding.entities import EntityRecovery
from reticent.attacks.embedding.nearest import NearestText
from reticent.attacks.embedding.slots import SlotSearch
from reticent.core import Answer, Candidates, NotEnoughKnowledge, TextReconstructionClaim
from reticent.policy import Policy
from reticent.testing.planted_texts import plant_texts, slots_right

EVERY = (NearestText(), SlotSearch(), WordDecoder(), Alignment(), EntityRecovery())


def share_right(attack, case, seed=0):
    rng = np.random.default_rng(seed)
    claim = attack.run(case.access, case.candidates, case.knowledge, rng)
    assert isinstance(claim, TextReconstructionClaim)
    return slots_right(claim, case).mean()


def planted(*steps, n=60, n_population=160):
    policy = Policy.from_list(list(steps))
    return plant_texts(leak=True, seed=4, policy=policy, n=n, n_population=n_population)


@pytest.mark.parametrize("attack", EVERY, ids=lambda attack: attack.name)
def test_a_rotation_hides_nothing_from_who_may_ask(attack):
    bare, turned = planted(), planted({"kind": "rotate"})
    assert share_right(attack, turned) > 0.5
    assert abs(share_right(attack, turned) - share_right(attack, bare)) < 0.15


def test_a_rotation_hides_all_from_an_adversary_with_a_secret_of_its_own():
    case = planted({"kind": "rotate"})
    offline = replace(case, access=replace(case.access, secret=b"another"))
    assert share_right(SlotSearch(most_queries_each=200), offline) < 0.3
    assert share_right(EntityRecovery(), offline) < 0.3


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "quantise", "bits": 8},
        {"kind": "quantise", "bits": 1},
        {"kind": "round", "digits": 2},
    ],
    ids=str,
)
def test_fewer_bits_are_no_defence_against_a_known_template(step):
    assert share_right(SlotSearch(), planted(step)) > 0.95


def test_noise_as_large_as_the_vector_hides_what_cannot_be_guessed_word_for_word():
    loud = {"kind": "keyed_noise", "scale": 0.5, "distribution": "gaussian"}
    assert share_right(EntityRecovery(), planted(loud)) < 0.3
    assert share_right(WordDecoder(rounds=0), planted(loud)) < 0.3
    # Noise is keyed by the text: a template of 512 texts is searched through, and the text found.
    assert share_right(SlotSearch(), planted(loud)) > 0.9


def test_slot_search_says_how_many_queries_one_vector_took_and_keeps_to_its_own_limit():
    case = planted({"kind": "keyed_noise", "scale": 0.3})
    attack = SlotSearch(most_queries_each=40)
    claim = attack.run(case.access, case.candidates, case.knowledge, np.random.default_rng(0))
    assert claim.notes["most_queries_of_one"] <= 40
    assert case.access.queries <= 40 * 60


def test_slot_search_meets_every_bare_vector_exactly():
    case = planted()
    claim = SlotSearch().run(case.access, case.candidates, case.knowledge, np.random.default_rng(0))
    assert claim.notes["met_exactly"] == 60
    assert claim.confidence.min() > 1 - 1e-6
    assert slots_right(claim, case).all()


def test_asking_mends_what_the_head_reads():
    case = planted(n=120)
    alone = share_right(WordDecoder(rounds=0, epochs=1), case)
    mended = share_right(WordDecoder(rounds=12, epochs=1), case)
    assert mended > alone


def test_alignment_asks_the_target_for_its_pairs_only():
    case = planted()
    share_right(Alignment(pairs=100), case)
    assert case.access.queries == 100


def test_coordinates_withheld_are_not_needed():
    case = planted()
    vectors = case.candidates.observed.embeddings.copy()
    vectors[:, ::4] = np.nan
    held = replace(
        case, candidates=Candidates(x=np.empty((60, 0)), observed=Answer(embeddings=vectors))
    )
    for attack in (WordDecoder(), Alignment(), EntityRecovery()):
        assert share_right(attack, held) > 0.5


def test_vectors_without_a_shown_coordinate_cannot_be_read():
    case = planted()
    nothing = Answer(embeddings=np.full((60, 48), np.nan))
    blind = replace(case, candidates=Candidates(x=np.empty((60, 0)), observed=nothing))
    with pytest.raises(NotEnoughKnowledge, match="withheld"):
        share_right(WordDecoder(), blind)


@pytest.mark.parametrize("attack", EVERY, ids=lambda attack: attack.name)
def test_without_vectors_there_is_nothing_to_read(attack):
    case = planted()
    empty = replace(case, candidates=Candidates(x=np.empty((60, 0))))
    with pytest.raises(NotEnoughKnowledge, match="no vectors") as caught:
        share_right(attack, empty)
    assert caught.value.way_out


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("no slot at all", "none with a slot"),
        ("{who", "cannot be read"),
        ("{nobody} came", "nobody"),
    ],
)
def test_a_template_that_cannot_be_filled_is_said(template, said):
    case = planted()
    other = replace(case, knowledge=replace(case.knowledge, template=template))
    with pytest.raises(NotEnoughKnowledge, match=said):
        share_right(SlotSearch(), other)


def test_a_slot_may_stand_twice_and_braces_may_be_meant():
    case = planted()
    knowledge = replace(case.knowledge, template="{{{who}}} and {who} from {where}")
    other = replace(case, knowledge=knowledge)
    attack = SlotSearch(most_queries_each=30)
    claim = attack.run(other.access, other.candidates, knowledge, np.random.default_rng(0))
    first = claim.texts[0]
    assert first.startswith("{")
    name = first[1 : first.index("}")]
    assert f" and {name} from " in first
