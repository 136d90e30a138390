import numpy as np
import pytest

from reticent.core import NO_CHANNEL, Answer, BadAnswer, Channel, check_raw

GOOD = Answer(labels=np.array([0, 1]), scores=np.array([[0.9, 0.1], [0.2, 0.8]]))


def test_a_good_answer_passes_unchanged():
    assert check_raw(GOOD, questions=2, model="m") is GOOD


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(), "answered nothing"),
        (Answer(labels=np.array([0])), "gave 1 answers to 2"),
        (Answer(labels=np.array([0, 1]), scores=np.array([[1.0, 0.0]])), "gave 1 answers to 2"),
        (Answer(scores=np.array([1.0, 0.0])), r"scores of shape \(2,\)"),
        (Answer(labels=np.array([[0], [1]])), r"labels of shape \(2, 1\)"),
        (Answer(labels=np.array(["a", "b"])), "type <U1"),
        (Answer(values=np.array([[1.0], [2.0]])), r"values of shape \(2, 1\)"),
        (Answer(values=np.array([1.0, np.nan])), "nan to row 1"),
        (Answer(values=np.array([np.inf, 1.0])), "inf to row 0"),
        (Answer(embeddings=np.array([1.0, 2.0])), r"embeddings of shape \(2,\)"),
        (Answer(embeddings=np.array([["a"], ["b"]])), "type <U1"),
        (Answer(embeddings=np.array([[1.0, 2.0]])), "gave 1 answers to 2"),
        (Answer(embeddings=np.array([[1.0, 2.0], [np.nan, 1.0]])), "row 1 with an embedding"),
        (Answer(embeddings=np.array([[1.0, np.inf], [1.0, 1.0]])), "row 0 with an embedding"),
        (Answer(scores=np.array([[0.5, 0.5], [np.nan, 0.5]])), "row 1"),
        (Answer(scores=np.array([[1.2, -0.2], [1.0, 0.0]])), "row 0"),
        (Answer(scores=np.array([[0.5, 0.5], [0.5, 0.4]])), "sums to 0.9"),
    ],
)
def test_what_is_no_answer_is_refused_with_a_way_out(answer, message):
    with pytest.raises(BadAnswer, match=message) as caught:
        check_raw(answer, questions=2, model="the model")
    assert caught.value.what.startswith("the model")
    assert caught.value.way_out


def test_rounding_of_the_wire_is_not_an_error():
    near = Answer(scores=np.array([[0.3334, 0.3333, 0.3334]]))
    assert check_raw(near, questions=1, model="m") is near


@pytest.mark.parametrize(
    ("channels", "left"),
    [
        (Channel.LABEL, Channel.LABEL),
        (Channel.TOP_K, Channel.SCORES | Channel.TOP_K),
        (Channel.VALUE, NO_CHANNEL),
        (NO_CHANNEL, NO_CHANNEL),
    ],
)
def test_only_drops_what_no_open_channel_carries(channels, left):
    assert GOOD.only(channels).channels == left


def test_embeddings_are_a_channel_of_their_own():
    vectors = Answer(embeddings=np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    assert check_raw(vectors, questions=2, model="m") is vectors
    assert len(vectors) == 2
    assert vectors.channels == Channel.EMBEDDING
    assert vectors.only(Channel.EMBEDDING).embeddings is vectors.embeddings
    assert vectors.only(~Channel.EMBEDDING).embeddings is None
    assert vectors.take(np.array([1, 1])).embeddings.tolist() == [[4.0, 5.0, 6.0]] * 2


def test_take_and_len():
    taken = GOOD.take(np.array([1]))
    assert len(GOOD) == 2
    assert len(taken) == 1
    assert taken.labels.tolist() == [1]
    assert taken.scores.tolist() == [[0.2, 0.8]]
    assert len(Answer()) == 0
