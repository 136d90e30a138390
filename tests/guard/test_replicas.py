"""Two guards that share Valkey and PostgreSQL, with real processes and under load.

Whatever breaks: no row over budget, no acknowledged journal row lost, no unfiltered byte out; both
say the same bytes, and all of it heals by itself.
"""

import json

import pytest
from guard.journal.postgres_server import new_postgres
from guard.processes import (
    MANY,
    NOISE,
    ROUND,
    GuardProcess,
    Load,
    ask,
    expected,
    guards,
    model_server,
    no_row_lost,
    no_unfiltered_byte,
    question,
    until,
)
from guard.served_model import answer
from guard.served_store import PATIENT

from reticent.guard.fingerprints import fingerprints


@pytest.fixture(scope="module")
def upstream():
    with model_server() as server:
        yield server


@pytest.fixture(scope="module")
def postgres():
    server = new_postgres()
    yield server
    server.remove()


@pytest.fixture
def valkey(store):
    """Return a store that no other guard has ever joined."""
    return store


def replicas(tmp_path, upstream, valkey, postgres, *, limits=MANY, defences=ROUND, before=""):
    shared = f'store = "{valkey.url}"\njournal = "{postgres.dsn}"\nreplicas = 2'
    return [
        GuardProcess(
            tmp_path,
            upstream.origin,
            name=name,
            guard=shared,
            limits=limits,
            defences=defences,
            before=before,
        )
        for name in ("one", "two")
    ]


def rows_journalled(entries, identity):
    return sum(e.rows for e in entries if e.kind == "query" and e.identity == identity)


def pseudonym_of(guard, gate, entries, told):
    """Return how the journal calls who asked a question."""
    wanted = fingerprints(gate.fingerprint_key, [list(told.row)])[0]
    return next(e.identity for e in entries if wanted in e.fingerprints)


def test_a_replica_killed_under_load(tmp_path, upstream, valkey, postgres):
    budget = 400
    limits = f"{MANY}, lifetime_rows = {budget}"
    both = replicas(tmp_path, upstream, valkey, postgres, limits=limits)
    with guards(*both) as (one, two):
        gate, key = one.gate(), one.key("killed")
        for guard in (one, two):
            until(lambda guard=guard: ask(guard.origin, key, (0.5, guard.port)).status == 200)
        with Load([one.origin, two.origin], key, callers=6) as load:
            load.until_more(200, more=100)
            two.kill()
            load.until_more(0, more=4)
            load.until_more(200, more=40)
            two.start()
            load.until_more(429, more=40)
        assert load.statuses <= {0, 200, 429, 503}
        answered = load.answered()
        assert len(answered) + 2 <= budget
        no_unfiltered_byte(answered, gate)
        assert (one.end(), two.end()) == (0, 0)
        entries = one.journal()
        no_row_lost(answered, gate, entries)
        # What was booked and not journalled was never answered.
        assert len(answered) + 2 <= rows_journalled(
            entries, pseudonym_of(one, gate, entries, answered[0])
        )
        assert rows_journalled(entries, pseudonym_of(one, gate, entries, answered[0])) <= budget


@pytest.mark.parametrize("fault", ["killed", "hung"])
def test_a_store_or_a_journal_away_and_back(tmp_path, upstream, valkey, postgres, fault):
    budget = 4_000
    limits = f"{MANY}, lifetime_rows = {budget}"
    both = replicas(tmp_path, upstream, valkey, postgres, limits=limits)
    with guards(*both) as (one, two):
        gate, key = one.gate(), one.key("outage")
        for guard in (one, two):
            until(lambda guard=guard: ask(guard.origin, key, (0.5, guard.port)).status == 200)
        with Load([one.origin, two.origin], key, pause_s=0.01) as load:
            load.until_more(200)
            ends = {
                "killed": ((valkey.kill, valkey.start), (postgres.kill, postgres.start)),
                "hung": ((valkey.pause, valkey.resume), (postgres.freeze, postgres.thaw)),
            }[fault]
            troubles = ("the shared store is away", "the journal cannot be written")
            for (away, back), trouble in zip(ends, troubles, strict=True):
                away()
                load.until_more(503)
                for guard in (one, two):
                    until(lambda guard=guard, t=trouble: t in guard.troubles())
                load.until_each(503)
                before = len(load.answered())
                load.until_more(503)
                assert len(load.answered()) == before, "sensitive models are shut"
                back()
                for guard in (one, two):
                    until(lambda guard=guard: guard.troubles() == [])
                load.until_more(200, more=40)
        assert load.statuses <= {200, 429, 503}
        answered = load.answered()
        assert len(answered) + 2 <= budget
        no_unfiltered_byte(answered, gate)
        assert (one.end(), two.end()) == (0, 0)
        no_row_lost(answered, gate, one.journal())


def test_replicas_say_the_same_and_count_together(tmp_path, upstream, valkey, postgres):
    budget = 60
    limits = f"{MANY}, lifetime_rows = {budget}"
    both = replicas(
        tmp_path, upstream, valkey, postgres, limits=limits, defences=NOISE, before=PATIENT
    )
    with guards(*both) as (one, two):
        gate, key = one.gate(), one.key("parity")
        until(lambda: ask(one.origin, key, (9.0, 9.0)).status == 200)
        until(lambda: ask(two.origin, key, (9.0, 9.0)).status == 200)
        spent = 2
        for i in range(8):
            rows = [(i + 0.125 * j, -0.0 if i == 0 else 1e-3 * i) for j in range(i % 3 + 1)]
            asked = question(*rows)
            first, second = (ask(guard.origin, key, *rows) for guard in (one, two))
            assert first.body == second.body == expected(gate, asked)
            assert first.status == second.status == 200
            spent += 2 * len(rows)
        scores = [json.loads(said)["outputs"][1]["data"] for said in (first.body, answer(asked))]
        assert scores[0] != [round(score, 6) for score in scores[1]], "there is no noise in it"
        more = 0
        while (told := ask((one, two)[more % 2].origin, key, (50.0, more))).status == 200:
            more += 1
            assert more <= budget
        assert spent + more == budget  # to the row, whoever was asked
        assert told.status == 429
        assert ask(one.origin, key, (1.0, 1.0)).status == 429
        assert ask(two.origin, key, (1.0, 1.0)).status == 429
