"""Look-alikes: drawn independently, trained once, and the same however many processes train."""

import pickle
import resource

import numpy as np
import pytest
from audit.trainers import Watched, attempts
from scipy.stats import binom, chisquare
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from reticent.audit.references import Recipe, draw_masks, train
from reticent.audit.store import Store
from reticent.audit.trainer import SklearnTrainer
from reticent.core import BadInput
from reticent.targets.function import FunctionTarget

X, Y = load_breast_cancer(return_X_y=True)
X, Y = X[:120, :4], Y[:120]


class Remote:
    """Trains models that hand out answers only."""

    digest = "remote"

    def fit(self, x, y, seed):
        tree = DecisionTreeClassifier().fit(x, y)
        return FunctionTarget(
            function=tree.predict_proba, returns="probabilities", classes=(0, 1), name="remote"
        )


def recipes(n=4, seed=0):
    return draw_masks(n, len(X), np.random.default_rng(seed))


def answers(models):
    return [model.answer(X).scores for model in models]


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(answers(a), answers(b), strict=True))


def fit(trainer, wanted, store=None, **settings):
    settings = {"data_digest": "breast cancer", **settings}
    return train(trainer, X, Y, wanted, store=store, **settings)


def test_masks_are_drawn_row_by_row_and_not_balanced():
    masks = np.array([r.rows for r in draw_masks(8, 20_000, np.random.default_rng(0))])
    seen = np.bincount(masks.sum(axis=0), minlength=9)
    wanted = binom.pmf(np.arange(9), 8, 0.5) * 20_000
    assert chisquare(seen, wanted).pvalue > 1e-3  # balanced masks would put all rows at 4
    sizes = masks.sum(axis=1)
    assert len(set(sizes.tolist())) > 1
    assert abs(sizes - 10_000).max() < 5 * np.sqrt(20_000 / 4)
    together = np.corrcoef(masks)[np.triu_indices(8, 1)]
    assert abs(together).max() < 5 / np.sqrt(20_000)  # balanced: -1/7


def test_masks_hold_the_share_asked_for_and_models_have_seeds_of_their_own():
    drawn = draw_masks(6, 5000, np.random.default_rng(1), share=0.2)
    assert all(abs(r.rows.mean() - 0.2) < 0.03 for r in drawn)
    assert len({r.seed for r in drawn}) == 6
    again = draw_masks(6, 5000, np.random.default_rng(1), share=0.2)
    assert all(np.array_equal(a.rows, b.rows) for a, b in zip(drawn, again, strict=True))


def test_a_model_is_trained_on_the_rows_of_its_recipe_and_no_others(tmp_path):
    trainer = Watched(tmp_path / "log")
    wanted = recipes(3)
    fit(trainer, wanted)
    lines = [tuple(map(int, line.split())) for line in trainer.log.read_text().splitlines()]
    assert lines == [(r.seed, int(r.rows.sum())) for r in wanted]
    learner = SklearnTrainer(DecisionTreeClassifier())
    (model,), _ = fit(learner, [Recipe(rows=np.arange(len(X)) < 30, seed=1)])
    assert (model.answer(X[:30]).labels == Y[:30]).all()
    alone = DecisionTreeClassifier(random_state=model.weights().random_state).fit(X[:30], Y[:30])
    np.testing.assert_array_equal(model.answer(X).labels, alone.predict(X))


def test_what_is_kept_is_not_trained_again(tmp_path):
    trainer, store = Watched(tmp_path / "log"), Store(tmp_path / "work")
    wanted = recipes(4)
    first, reused = fit(trainer, wanted[:3], store)
    assert reused == 0
    heard = []
    second, reused = fit(trainer, wanted, store, listen=heard.append)
    assert reused == 3
    assert attempts(trainer.log) == [r.seed for r in wanted]
    assert same(first, second[:3])
    assert [(s.done, s.total, s.reused) for s in heard] == [
        (1, 4, True), (2, 4, True), (3, 4, True), (4, 4, False),
    ]  # fmt: skip


def test_a_run_that_is_stopped_goes_on_where_it_was(tmp_path):
    trainer, store = Watched(tmp_path / "log"), Store(tmp_path / "work")
    wanted = recipes(4)

    def stop(step):
        if step.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(trainer, wanted, store, listen=stop)
    models, reused = fit(trainer, wanted, store)
    assert reused == 2
    assert sorted(attempts(trainer.log)) == sorted(r.seed for r in wanted)
    assert same(models, fit(Watched(tmp_path / "other"), wanted)[0])


@pytest.mark.parametrize("what", ["trainer", "data", "seed", "rows"])
def test_a_model_of_anything_else_is_never_taken_over(tmp_path, what):
    store = Store(tmp_path)
    plain = SklearnTrainer(DecisionTreeClassifier(max_depth=3))
    recipe = recipes(1)[0]
    fit(plain, [recipe], store)
    rows = recipe.rows.copy()
    rows[0] ^= True
    trainer, wanted, digest = {
        "trainer": (SklearnTrainer(DecisionTreeClassifier(max_depth=2)), recipe, "breast cancer"),
        "data": (plain, recipe, "other people"),
        "seed": (plain, Recipe(rows=recipe.rows, seed=recipe.seed + 1), "breast cancer"),
        "rows": (plain, Recipe(rows=rows, seed=recipe.seed), "breast cancer"),
    }[what]
    assert fit(trainer, [wanted], store, data_digest=digest)[1] == 0
    assert fit(plain, [recipe], store)[1] == 1


def test_a_damaged_model_is_trained_again(tmp_path):
    trainer, store = Watched(tmp_path / "log"), Store(tmp_path / "work")
    wanted = recipes(3)
    good, _ = fit(trainer, wanted, store)
    paths = sorted(store.folder.iterdir())
    paths[0].write_bytes(paths[0].read_bytes()[:200])
    paths[1].write_bytes(b"")
    again, reused = fit(trainer, wanted, store)
    assert reused == 1
    assert len(attempts(trainer.log)) == 5
    assert same(good, again)


def test_a_model_whose_file_could_run_code_is_trained_and_never_taken_over(tmp_path):
    shift = FunctionTransformer(lambda x: x + 1)  # no file may bring code along
    trainer = SklearnTrainer(make_pipeline(shift, DecisionTreeClassifier()))
    models, _ = fit(trainer, recipes(2), Store(tmp_path))
    assert all(score.shape == (len(X), 2) for score in answers(models))
    assert fit(trainer, recipes(2), Store(tmp_path))[1] == 0


def test_a_model_without_weights_is_used_and_not_kept(tmp_path):
    trainer, store = Remote(), Store(tmp_path)
    models, reused = fit(trainer, recipes(2), store)
    assert (len(models), reused) == (2, 0)
    assert fit(trainer, recipes(2), store)[1] == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("library", ["sklearn", "lightgbm", "xgboost"])
def test_models_of_every_library_are_taken_over(tmp_path, library):
    if library == "sklearn":
        learner = make_pipeline(StandardScaler(), LogisticRegression())
    elif library == "lightgbm":
        learner = pytest.importorskip("lightgbm").LGBMClassifier(n_estimators=5, verbose=-1)
    else:
        learner = pytest.importorskip("xgboost").XGBClassifier(n_estimators=5, max_depth=2)
    store = Store(tmp_path)
    first, _ = fit(SklearnTrainer(learner), recipes(2), store)
    second, reused = fit(SklearnTrainer(learner), recipes(2), store)
    assert reused == 2
    assert same(first, second)


def test_a_killed_process_costs_its_own_model_and_several_give_what_one_gives(tmp_path):
    wanted = recipes(6)
    trainer = Watched(tmp_path / "log", dies_at=(wanted[3].seed,))
    store = Store(tmp_path / "work")
    several, reused = fit(trainer, wanted, store, jobs=2)
    tried = attempts(trainer.log)
    assert reused == 0
    assert tried.count(wanted[3].seed) == 2
    assert len(tried) <= len(wanted) + 2  # its own model, and the one beside it at most
    assert same(several, fit(Watched(tmp_path / "alone"), wanted)[0])
    assert fit(trainer, wanted, store)[1] == len(wanted)


def test_processes_that_keep_dying_are_given_up_and_finished_models_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("reticent.audit.references.MAX_POOL_LOSSES", 1)
    store = Store(tmp_path / "work")
    wanted = recipes(3)
    fit(Watched(tmp_path / "before"), wanted[:1], store)
    with pytest.raises(BadInput, match="died 1 times while 2 reference models") as caught:
        fit(Watched(tmp_path / "log", always=True), wanted, store, jobs=2)
    assert "--jobs 1" in caught.value.way_out
    assert fit(Watched(tmp_path / "after"), wanted[:1], store)[1] == 1


def test_a_learner_that_fails_says_so_from_another_process_too():
    broken = SklearnTrainer(DecisionTreeClassifier(max_depth=-1))
    with pytest.raises(BadInput, match="DecisionTreeClassifier could not be trained") as caught:
        fit(broken, recipes(2))
    told = pickle.loads(pickle.dumps(caught.value))  # as it comes back from a worker
    assert (told.what, told.way_out) == (caught.value.what, caught.value.way_out)


def test_a_full_disk_ends_the_training_and_keeps_what_is_there(tmp_path):
    store, wanted = Store(tmp_path), recipes(3)
    plain = SklearnTrainer(DecisionTreeClassifier())
    fit(plain, wanted[:1], store)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        with pytest.raises(BadInput, match="File too large"):
            fit(plain, wanted, store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert fit(plain, wanted, store)[1] == 1
