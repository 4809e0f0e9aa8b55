"""Verifies requests with the Python library of the Standard Webhooks project, and ed25519 with that of `cryptography`.

Reads {"headers", "body", "secrets", "wrong_secrets", "public_keys"} and prints how many verifications there were.
"""

import base64
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError


def is_refused(secret, body, headers):
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


def has_signed(public_key, body, headers):
    assert public_key.startswith("whpk_")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key[5:]))
    content = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.{body}'.encode()
    for signature in headers["webhook-signature"].split(" "):
        version, signature = signature.split(",")
        if version == "v1a":
            try:
                key.verify(base64.b64decode(signature), content)
                return True
            except InvalidSignature:
                pass
    return False


given = json.load(sys.stdin)
body, headers = given["body"], given["headers"]
for secret in given["secrets"]:
    assert Webhook(secret).verify(body, headers) == json.loads(body)
    assert is_refused(secret, body + " ", headers)
    assert is_refused(secret, body, headers | {"webhook-id": "another"})
for secret in given["wrong_secrets"]:
    assert is_refused(secret, body, headers)
for public_key in given["public_keys"]:
    assert has_signed(public_key, body, headers)
    assert not has_signed(public_key, body + " ", headers)
print(len(given["secrets"]) + len(given["public_keys"]))
