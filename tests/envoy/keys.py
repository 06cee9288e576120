"""Keys of our own in the places of the reference policy's, whose private halves nobody has; and what is made with them: tokens (by
PyJWT), HTTP message signatures (by hand after RFC 9421, and compared with `http-message-signatures` in test_keys.py), Standard
Webhooks and DSSE. Independent of the crates in src/ on purpose."""

import base64
import copy
import functools
import hashlib
import hmac
import json
import re

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1}
# What JOSE hashes with on each curve.
HASHES = {256: hashes.SHA256, 384: hashes.SHA384}


def _number(text):
    return int.from_bytes(unb64url(text), "big")


def public_key(jwk):
    """A JWK as a public key of `cryptography`."""
    if jwk["kty"] == "RSA":
        return rsa.RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"])).public_key()
    if jwk["kty"] == "EC":
        return ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), CURVES[jwk["crv"]]()).public_key()
    return ed25519.Ed25519PublicKey.from_public_bytes(unb64url(jwk["x"]))


def jwk_of(private):
    """The public half as a JWK."""
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        size = (public.key_size + 7) // 8
        return {"kty": "RSA", "n": b64url(numbers.n.to_bytes(size, "big")), "e": "AQAB"}
    if isinstance(public, ec.EllipticCurvePublicKey):
        numbers, size = public.public_numbers(), public.key_size // 8
        curve = next(name for name, curve in CURVES.items() if curve.key_size == public.key_size)
        return {"kty": "EC", "crv": curve, "x": b64url(numbers.x.to_bytes(size, "big")), "y": b64url(numbers.y.to_bytes(size, "big"))}
    return {"kty": "OKP", "crv": "Ed25519", "x": b64url(public.public_bytes_raw())}


@functools.cache
def private_for(kind, name):
    """One private key per kind (a JWK's `kty`) and name, made when first asked for."""
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    if kind == "EC":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def sign(private, message):
    """RSASSA-PKCS1-v1_5 with SHA-256, ECDSA as r||s, Ed25519, or HMAC-SHA256 for a secret: what the key makes."""
    if isinstance(private, bytes):
        return hmac.digest(private, message, "sha256")
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(message, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(private, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(private.sign(message, ec.ECDSA(HASHES[private.key_size]())))
        return r.to_bytes(private.key_size // 8, "big") + s.to_bytes(private.key_size // 8, "big")
    return private.sign(message)


def verifies(public, signature, message):
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(public, ec.EllipticCurvePublicKey):
            half = len(signature) // 2
            r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
            public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(HASHES[public.key_size]()))
        else:
            public.verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def with_our_keys(policy):
    """The policy with our public keys under the same ids. Shared secrets stay: they are known."""
    ours = copy.deepcopy(policy)
    for issuer in ours["issuers"]:
        for jwk in issuer["jwks"]["inline"]["keys"]:
            jwk.update(jwk_of(private_for(jwk["kty"], jwk["kid"])))
    for signer in ours.get("signers", []):
        if "publicKey" in signer:
            signer["publicKey"].update(jwk_of(private_for(signer["publicKey"]["kty"], signer["keyId"])))
    return ours


KINDS = {"RS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}


def token(claims, kid="ed-1", algorithm="EdDSA", private=None, header=None):
    """A compact JWS by the key `kid` of the policy, or by `private` under that id."""
    private = private or private_for(KINDS[algorithm], kid)
    return jwt.encode(claims, private, algorithm=algorithm, headers={"kid": kid, **(header or {})})


def forged_token(header, claims):
    """`none`, or HS256 keyed with the public key's PEM: what an attacker without a key can make."""
    message = b64url(json.dumps(header).encode()) + "." + b64url(json.dumps(claims).encode())
    if header["alg"] == "none":
        return message + "."
    pem = private_for("RSA", header["kid"]).public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return message + "." + b64url(hmac.new(pem, message.encode(), hashlib.sha256).digest())


def content_digest(body):
    """RFC 9530 section 2."""
    return "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"


def signature_base(components, parameters, method, authority, path, headers):
    """RFC 9421 section 2.5, for the components that the cases use: no parameters of components, headers that are there once.
    `components` and `parameters` are as written in `signature-input`."""
    fields = {
        "@method": method, "@authority": authority.lower(), "@path": path.partition("?")[0],
        "@query": "?" + path.partition("?")[2], "@scheme": "http", "@request-target": path, "@target-uri": f"http://{authority.lower()}{path}",
    }
    for name, value in headers:
        fields.setdefault(name.lower(), value.strip())
    names = re.findall(r'"([^"]*)"', components)
    lines = [f'"{name}": {fields[name]}' for name in names]
    return "\n".join([*lines, f'"@signature-params": {components}{parameters}']).encode()


def http_message(private, key_id, created, method, authority, path, headers, components=("@method", "@authority", "@path", "content-digest"),
                 label="sig1", more=""):
    """`signature-input` and `signature`."""
    listed = "(" + " ".join(f'"{name}"' for name in components) + ")"
    parameters = f';created={created};keyid="{key_id}"{more}'
    base = signature_base(listed, parameters, method, authority, path, headers)
    signature = sign(private, base)
    return [("signature-input", f"{label}={listed}{parameters}"), ("signature", f"{label}=:{base64.b64encode(signature).decode()}:")]


def secret_bytes(text):
    return base64.b64decode(text.removeprefix("whsec_"))


def standard_webhook(secret, message_id, timestamp, body):
    """The `v1` signature of Standard Webhooks."""
    message = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, message, hashlib.sha256).digest()).decode()


def dsse_pae(payload_type, payload):
    """The pre-authentication encoding of DSSE v1."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)
