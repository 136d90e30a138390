import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from guard.unpaused import run
from guard.upstream.rude import ASK, always, reply, rude

from reticent.guard.upstream import UpstreamDown


def certificate(folder, name):
    """Write a self-signed certificate for a name; return the server's TLS settings."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def ask(folder, name, *, trusted):
    server_side = certificate(folder, name)

    async def main():
        client_side = ssl.create_default_context()
        if trusted:
            client_side.load_verify_locations(folder / "cert.pem")

        async def resolver(host, port):
            return ["127.0.0.1"]

        async with rude(
            always(reply(b"{}")), ssl=server_side, client_ssl=client_side, resolver=resolver
        ) as (_, upstream):
            return (await upstream.send(ASK)).body

    return run(main())


def test_a_trusted_certificate_of_the_right_name(tmp_path):
    assert ask(tmp_path, "localhost", trusted=True) == b"{}"


def test_a_certificate_of_another_name_is_refused(tmp_path):
    with pytest.raises(UpstreamDown, match="certificate"):
        ask(tmp_path, "elsewhere", trusted=True)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    with pytest.raises(UpstreamDown, match="certificate"):
        ask(tmp_path, "localhost", trusted=False)
