"""A case of long ago, made today: the same call with the same faults, its times moved to now and everything signed again with our
keys (keys.py). What verified stays good, what did not stays bad in the same way; where that cannot be seen from the case itself, a
table says how."""

import base64
import binascii
import calendar
import hmac
import json
import re
import time

import keys

# Where a second too many of a slow machine would change the verdict, the time itself is moved, away from the edge: seconds from now.
CLAIMS = {
    "token expired but inside the leeway": {"exp": -10},
    "expired token": {"exp": -40},
    "token not yet valid": {"nbf": 90},
}
CREATED = {"signature too old": -400}
# The call that was signed, where it is not the call that is sent.
SIGNED_AS = {"authority changed after signing": {"authority": "bus.shop.example"}}


class Fresh:
    """`Fresh(policy)(case)` gives (headers, body) to send now. `policy` is the one with the keys that the case was made with."""

    def __init__(self, policy):
        self.token_keys = {}
        for issuer in policy["issuers"]:
            for jwk in issuer["jwks"]["inline"]["keys"]:
                self.token_keys[jwk["kid"]] = jwk
        self.signers = {signer["keyId"]: signer for signer in policy.get("signers", [])}

    def __call__(self, case):
        call, name = case["call"], case["name"]
        then = calendar.timegm(time.strptime(case["now"], "%Y-%m-%dT%H:%M:%SZ"))
        now = int(time.time())
        body = body_of(call)
        headers = [(key.lower(), value) for key, value in call["headers"]]
        fresh_body = self._dsse(body)
        headers = [(key, self._authorization(name, value, now, then)) if key == "authorization" else (key, value) for key, value in headers]
        headers = self._webhook(headers, body, fresh_body, now, then)
        headers = self._http_message(name, call, headers, now, then)
        return headers, fresh_body

    def _authorization(self, name, value, now, then):
        scheme, _, compact = value.partition(" ")
        try:
            header, claims = (json.loads(keys.unb64url(part)) for part in compact.split(".")[:2])
            signature = keys.unb64url(compact.split(".")[2])
        except (ValueError, IndexError, binascii.Error):
            return value
        if not isinstance(header, dict) or not isinstance(claims, dict):
            return value
        for claim in ("iat", "exp", "nbf"):
            if type(claims.get(claim)) is int:
                claims[claim] += now - then
        claims.update({claim: now + offset for claim, offset in CLAIMS.get(name, {}).items()})
        return f"{scheme} {self._token(header, claims, compact, signature)}"

    def _token(self, header, claims, compact, signature):
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in keys.KINDS:
            return keys.forged_token(header, claims)
        jwk = self.token_keys.get(kid)
        good = jwk and keys.verifies(keys.public_key(jwk), signature, compact.rpartition(".")[0].encode())
        name = kid if good else "a rogue"
        extra = {key: value for key, value in header.items() if key not in ("alg", "kid")}
        return keys.token(claims, kid, algorithm, keys.private_for(keys.KINDS[algorithm], name), extra)

    def _private(self, key_id):
        """Our key in the place of the signer's; a rogue's where the policy has none."""
        signer = self.signers.get(key_id)
        if signer and "secret" in signer:
            return keys.secret_bytes(signer["secret"]["value"])
        return keys.private_for(signer["publicKey"]["kty"] if signer else "OKP", key_id if signer else "a rogue")

    def _webhook(self, headers, body, fresh_body, now, then):
        found = dict(headers)
        if "webhook-timestamp" not in found or "webhook-signature" not in found:
            return headers
        old = found["webhook-timestamp"]
        secret = next(keys.secret_bytes(signer["secret"]["value"]) for signer in self.signers.values() if "secret" in signer)
        good = keys.standard_webhook(secret, found.get("webhook-id"), old, body) == found["webhook-signature"]
        moved = str(int(old) + now - then)
        signature = keys.standard_webhook(secret, found.get("webhook-id"), moved, fresh_body if good else fresh_body + b" as it was")
        new = {"webhook-timestamp": moved, "webhook-signature": signature}
        return [(key, new.get(key, value)) for key, value in headers]

    def _http_message(self, name, call, headers, now, then):
        found = dict(headers)
        match = re.fullmatch(r'(\w+)=(\([^)]*\))(.*);keyid="([^"]*)"(.*)', found.get("signature-input", ""))
        if not match:
            return headers
        label, components, before, key_id, after = match.groups()

        def moved(text):
            return re.sub(r"(created|expires)=(\d+)", lambda hit: f"{hit[1]}={int(hit[2]) + now - then}", text)

        parameters = f'{moved(before)};keyid="{key_id}"{moved(after)}'
        if name in CREATED:
            parameters = re.sub(r"created=\d+", f"created={now + CREATED[name]}", parameters)
        signed = {**call, **SIGNED_AS.get(name, {})}

        def base(parameters):
            return keys.signature_base(components, parameters, signed["method"], signed["authority"], signed["path"], headers)

        try:
            old = base64.b64decode(found["signature"].removeprefix(f"{label}=:").removesuffix(":"), validate=True)
            good = self._verifies(key_id, old, base(f'{before};keyid="{key_id}"{after}'))
            signature = bytearray(keys.sign(self._private(key_id), base(parameters)))
        except (KeyError, ValueError):
            # Not a signature to begin with, or over what is not there: it stays as it is.
            return headers
        if not good:
            signature[0] ^= 1
        text = base64.b64encode(signature).decode()
        new = {"signature-input": f"{label}={components}{parameters}", "signature": f"{label}=:{text}:"}
        return [(key, new.get(key, value)) for key, value in headers]

    def _verifies(self, key_id, signature, base):
        """Whether the case's own signature was good; said of one by an unknown key, too, whose key nobody has."""
        signer = self.signers.get(key_id)
        if signer is None:
            return True
        if "secret" in signer:
            return hmac.compare_digest(hmac.digest(keys.secret_bytes(signer["secret"]["value"]), base, "sha256"), signature)
        return keys.verifies(keys.public_key(signer["publicKey"]), signature, base)

    def _dsse(self, body):
        """Signs every DSSE material in a JSON body again; the payload, and so the digest in it, stays."""
        def again(hit):
            material = json.loads(base64.b64decode(hit[2]))
            payload = base64.b64decode(material["payload"])
            for entry in material["signatures"]:
                message = keys.dsse_pae(material["payloadType"], payload)
                entry["sig"] = base64.b64encode(keys.sign(self._private(entry["keyid"]), message)).decode()
            return hit[1] + base64.b64encode(json.dumps(material).encode()) + b'"'

        return re.sub(rb'("dssematerial":")([^"]*)"', again, body)


def body_of(call):
    """The body of a case as bytes."""
    if "bodyBase64" in call:
        return base64.b64decode(call["bodyBase64"])
    return call.get("body", "").encode()
