import numpy as np
import pytest

from reticent.access import BESIDE, QUERIED, Access
from reticent.core import BadInput, Channel, ImageSpace, NotExposed
from reticent.ledger import QueryLedger
from reticent.policy import Policy

torch = pytest.importorskip("torch")

from reticent.targets.explained import ExplainedModel  # noqa: E402
from reticent.targets.torch import TorchModel  # noqa: E402

SPACE = ImageSpace(shape=(3, 4))
X = np.random.default_rng(1).random((5, 3, 4))


def network():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(12, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3)
    ).eval()
    return TorchModel(module=module, classes=("a", "b", "c"), images=SPACE)


def door(target, policy=None, exposed=QUERIED | BESIDE):
    return Access(
        target=target,
        policy=policy or Policy(),
        ledger=QueryLedger(),
        identity="a",
        exposed=exposed,
    )


def test_a_saliency_is_the_slope_of_the_answered_logit():
    plain = network()
    shown = ExplainedModel(model=plain, explainer="saliency").answer(X)
    view, moved = plain.weights(), 1e-2
    for i, label in enumerate(shown.labels):
        for j in range(12):
            step = np.zeros(12)
            step[j] = moved
            both = torch.tensor(
                np.stack([X[i].ravel() + step, X[i].ravel() - step]).reshape(2, 3, 4)
            ).float()
            up, down = view(both)[:, label].tolist()
            assert shown.explanation[i, j] == pytest.approx((up - down) / (2 * moved), abs=2e-3)


def test_attributions_count_from_the_baseline():
    base = np.full(12, 0.5)
    slope = ExplainedModel(model=network(), explainer="saliency").answer(X).explanation
    told = ExplainedModel(model=network(), explainer="attribution", baseline=base).answer(X)
    np.testing.assert_allclose(told.explanation, slope * (X.reshape(5, 12) - base))


def test_a_prototype_is_that_of_the_answered_class_and_answers_stay_as_they_are():
    plain, prototypes = network(), np.arange(36.0).reshape(3, 12)
    told = ExplainedModel(model=plain, explainer="prototype", prototypes=prototypes).answer(X)
    np.testing.assert_array_equal(told.explanation, prototypes[told.labels])
    np.testing.assert_array_equal(told.scores, plain.answer(X).scores)
    assert told.intermediate is None


def test_an_inner_layer_is_shown_as_it_is():
    plain = network()
    told = ExplainedModel(model=plain, layer="1").answer(X)
    expected = plain.module[1](plain.module[0](torch.tensor(X).float())).detach().numpy()
    np.testing.assert_array_equal(told.intermediate, expected.astype(np.float64))
    assert told.explanation is None
    assert not plain.module[1]._forward_hooks


def test_a_layer_that_does_not_run_is_no_inner_layer():
    plain = network()
    plain.module.add_module("idle", torch.nn.Identity())
    forward = plain.module.forward
    plain.module.forward = lambda x: forward(x)[:, :3]
    told = ExplainedModel(model=plain, layer="idle")
    del plain.module._modules["idle"]
    with pytest.raises(BadInput, match="Layer 'idle' of module says no numbers of each row"):
        told.answer(X)


def test_only_who_may_sees_what_stands_beside_an_answer():
    target = ExplainedModel(model=network(), explainer="saliency", layer="1")
    both = door(target)
    assert both.explanations(X).shape == (5, 12)
    assert both.intermediate(X).shape == (5, 6)
    assert both.queries == 10
    usual = door(target, exposed=QUERIED).ask(X)
    assert usual.explanation is None
    assert usual.intermediate is None


@pytest.mark.parametrize("step", [{"kind": "round", "digits": 2}, {"kind": "hard_label"}])
def test_a_step_that_changes_answers_shuts_what_stands_beside_them(step):
    target = ExplainedModel(model=network(), explainer="saliency", layer="1")
    shut = door(target, Policy.from_list([step]))
    assert not shut.channels & BESIDE
    with pytest.raises(NotExposed):
        shut.explanations(X)
    assert shut.ask(X).explanation is None
    open_ = door(target, Policy.from_list([{"kind": "pad_time", "grid_ms": 5}]))
    assert open_.channels & BESIDE == Channel.EXPLANATION | Channel.INTERMEDIATE


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"explainer": "why"}, "must be one of"),
        ({"explainer": "attribution"}, "without a baseline"),
        ({"explainer": "prototype", "prototypes": np.zeros((2, 12))}, "2 prototypes"),
        ({"layer": "9"}, "no layer '9'"),
    ],
)
def test_says_what_an_explainer_lacks(settings, words):
    with pytest.raises(BadInput, match=words):
        ExplainedModel(model=network(), **settings)
