import hashlib

from reticent.guard.admin.session import LASTS_S, MOST_TRIES, Sessions, operator_password

SECRET = hashlib.sha256(b"one").digest()


def test_the_password_follows_from_the_secret_and_from_nothing_else():
    assert operator_password(SECRET) == operator_password(SECRET)
    assert operator_password(SECRET) != operator_password(hashlib.sha256(b"two").digest())
    assert len(operator_password(SECRET).replace("-", "")) == 20


def test_a_right_password_opens_and_a_wrong_one_does_not():
    sessions = Sessions(SECRET)
    assert sessions.opens(f" {operator_password(SECRET)}\n", 0.0)
    assert not sessions.opens("", 0.0)
    assert not sessions.opens("x\udc80", 0.0)


def test_after_ten_wrong_ones_in_a_minute_none_is_right():
    sessions = Sessions(SECRET)
    for i in range(MOST_TRIES):
        assert not sessions.opens(f"guess-{i}", float(i))
    assert not sessions.opens(operator_password(SECRET), 11.0)
    assert sessions.opens(operator_password(SECRET), 75.0)


def test_a_clock_that_is_set_back_locks_nobody_out_for_longer_than_a_minute():
    sessions = Sessions(SECRET)
    for _ in range(MOST_TRIES):
        sessions.opens("guess", 7200.0)
    assert not sessions.opens(operator_password(SECRET), 7199.0)
    assert sessions.opens(operator_password(SECRET), 3600.0)


def test_a_cookie_holds_until_it_expires_and_only_where_it_was_signed():
    sessions = Sessions(SECRET)
    cookie = sessions.issue(100.0)
    assert sessions.holds(cookie, 100.0 + LASTS_S - 1)
    assert not sessions.holds(cookie, 100.0 + LASTS_S + 1)
    assert not Sessions(hashlib.sha256(b"two").digest()).holds(cookie, 101.0)
    expires, _, signature = cookie.partition(".")
    assert not sessions.holds(f"{int(expires) + 1}.{signature}", 101.0)
    for forged in (None, "", ".", f"{expires}.", f"{expires}.\u00e9", "x.y", f"-1.{signature}"):
        assert not sessions.holds(forged, 101.0)
