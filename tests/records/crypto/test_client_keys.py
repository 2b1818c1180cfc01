"""Key pairs of demo clients."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from records.crypto.client_keys import new_client_key


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class TestClientKeys:
    """The JWK is the public half of the PEM, and nothing of the private one."""

    def test_rs384(self) -> None:
        made = new_client_key("RS384", "kid-1")
        private = load_pem_private_key(made.private_key_pem.encode(), None)
        assert isinstance(private, rsa.RSAPrivateKey)
        assert number(made.public_jwk["n"]) == private.public_key().public_numbers().n

    def test_es384(self) -> None:
        made = new_client_key("ES384", "kid-1")
        private = load_pem_private_key(made.private_key_pem.encode(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        assert made.public_jwk["crv"] == "P-384"
        assert number(made.public_jwk["x"]) == private.public_key().public_numbers().x

    @pytest.mark.parametrize("alg", ["RS384", "ES384"])
    def test_jwk_holds_no_private_member(self, alg: str) -> None:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & new_client_key(alg, "kid-1").public_jwk.keys()

    def test_kid_names_the_key(self) -> None:
        made = new_client_key("ES384", "kid-1")
        assert made.public_jwk["kid"] == made.kid and json.dumps(made.public_jwk)

    def test_other_algorithms_are_refused(self) -> None:
        with pytest.raises(AssertionError):
            new_client_key("RS256", "kid-1")
