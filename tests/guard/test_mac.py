import hmac

from hypothesis import given, strategies as st

from reticent.guard.mac import Mac


@given(st.binary(max_size=200), st.binary(max_size=3000))
def test_it_is_the_standard_librarys_hmac(key, message):
    mac = Mac(key)
    assert mac.digest(message) == hmac.digest(key, message, "sha256")
    assert mac.digest(message) == hmac.digest(key, message, "sha256")
