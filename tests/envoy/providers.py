"""Identity providers of others (npm), unchanged: `make test-envoy` installs them below .envoy/ where Node.js and its packages can be had."""

import json
import shutil
import subprocess
import time
import uuid

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec

import keys
from conftest import ROOT

PACKAGES = ROOT / ".envoy/idp"
SCRIPTS = ROOT / "tests/idp"


def are_there():
    return shutil.which("node") is not None and (PACKAGES / "ready").exists()


class Provider:
    """One of the scripts in tests/idp, with these settings, until it is closed."""

    def __init__(self, script, **settings):
        # As an expression, so that it finds the packages where they are.
        command = ["node", "--input-type=module", "--eval", (SCRIPTS / script).read_text(), json.dumps(settings)]
        self.process = subprocess.Popen(command, cwd=PACKAGES, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.issuer = self.process.stdout.readline().strip()
        if not self.issuer:
            raise RuntimeError(f"{script} did not start:\n{self.process.communicate()[1]}")
        self.port = int(self.issuer.rpartition(":")[2])

    def close(self):
        if self.process.poll() is None:
            self.process.communicate()

    def post(self, path, form, **options):
        answer = requests.post(self.issuer + path, form, timeout=10, **options)
        answer.raise_for_status()
        return answer

    def token(self, client=None, headers=None, **form):
        """An access token by client credentials."""
        form = {"grant_type": "client_credentials", **form}
        return self.post("/token", form, auth=client and (client, "secret"), headers=headers).json()["access_token"]


def private_jwk(kid):
    """A key of P-256 to sign with."""
    private = keys.private_for("EC", kid)
    secret = private.private_numbers().private_value.to_bytes(32, "big")
    return {**keys.jwk_of(private), "d": keys.b64url(secret), "kid": kid, "alg": "ES256"}


def proof_of_possession(url):
    """A proof that the caller of `url` has a key (RFC 9449 section 4.2), and asks for a token that is bound to it."""
    private = ec.generate_private_key(ec.SECP256R1())
    claims = {"htm": "POST", "htu": url, "iat": int(time.time()), "jti": str(uuid.uuid4())}
    return jwt.encode(claims, private, algorithm="ES256", headers={"typ": "dpop+jwt", "jwk": keys.jwk_of(private)})
