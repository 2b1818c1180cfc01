"""Key pairs of hospital systems, for demos and tests; real clients make their own and register the public half."""

import base64
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

RSA_BITS = 3072  # SMART asks for at least 2048; 3072 is BSI TR-02102's floor beyond 2025
CURVE_BYTES = 48  # P-384


@dataclass(frozen=True, slots=True, repr=False)
class ClientKey:
    """A private key and what a client registers of it."""

    alg: str
    """RS384 or ES384 (SMART App Launch 2.2 §5.1)."""
    kid: str
    private_key_pem: str
    public_jwk: dict[str, Any]


def new_client_key(alg: str, kid: str) -> ClientKey:
    """Return a fresh key pair."""
    match alg:
        case "RS384":
            rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
            numbers = rsa_key.public_key().public_numbers()
            jwk = {"kty": "RSA", "n": _number(numbers.n, RSA_BITS // 8), "e": _number(numbers.e, 3)}
            return ClientKey(alg, kid, _pem(rsa_key), {**jwk, "alg": alg, "kid": kid, "use": "sig"})
        case "ES384":
            ec_key = ec.generate_private_key(ec.SECP384R1())
            point = ec_key.public_key().public_numbers()
            jwk = {"kty": "EC", "crv": "P-384", "x": _number(point.x, CURVE_BYTES), "y": _number(point.y, CURVE_BYTES)}
            return ClientKey(alg, kid, _pem(ec_key), {**jwk, "alg": alg, "kid": kid, "use": "sig"})
        case _:
            raise AssertionError("a caller's bug: SMART Backend Services knows RS384 and ES384")


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _number(value: int, length: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes(length, "big")).rstrip(b"=").decode()
