# SPDX-License-Identifier: MIT
"""nkeys - keys and tokens of a NATS operator, an account and users, made with openssl"""
import base64
import binascii
import json
import subprocess
import tempfile

PREFIXES = {"O": 14 << 3, "A": 0, "U": 20 << 3}
SEED_PREFIX = 18 << 3
WITHOUT_LIMITS = dict.fromkeys(
    ("subs", "conn", "leaf", "imports", "exports", "data", "payload"), -1)


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.PIPE).stdout


def encode(raw):
    checked = raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    return base64.b32encode(checked).decode().rstrip("=")


def url_safe(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Key:
    """A new Ed25519 key; @letter: whose, the first one of its name."""

    def __init__(self, letter):
        # A key's last 32 bytes in DER are the key itself.
        private = openssl("genpkey", "-algorithm", "ed25519", "-outform", "DER")
        self.file = tempfile.NamedTemporaryFile(dir=".")
        self.file.write(private)
        self.file.flush()
        public = openssl("pkey", "-inform", "DER", "-in", self.file.name, "-pubout", "-outform",
                         "DER")
        prefix = PREFIXES[letter]
        self.public = encode(bytes([prefix]) + public[-32:])
        self.seed = encode(bytes([SEED_PREFIX | prefix >> 5, (prefix & 31) << 3]) + private[-32:])
        assert self.public.startswith(letter) and self.seed.startswith("S" + letter)

    def sign(self, data):
        with tempfile.NamedTemporaryFile(dir=".") as file:
            file.write(data)
            file.flush()
            return url_safe(openssl("pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey",
                                    self.file.name, "-in", file.name))


def token(key, issuer, kind, **claims):
    """A JWT in which @issuer vouches for @key."""
    header = {"typ": "JWT", "alg": "ed25519-nkey"}
    body = {"jti": key.public, "iat": 1, "iss": issuer.public, "sub": key.public, "name": kind,
            "nats": dict(claims, type=kind, version=2)}
    text = ".".join(url_safe(json.dumps(part).encode()) for part in (header, body))
    return text + "." + issuer.sign(text.encode())


def user_token(key, account):
    return token(key, account, "user", subs=-1, data=-1, payload=-1)


def credentials(key, account):
    """What stands in a file of credentials."""
    return ("-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n"
            "-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n"
            % (user_token(key, account), key.seed))


def server_config(operator, account):
    """The configuration of a server that lets in the users of @account."""
    return 'operator: "%s"\nresolver: MEMORY\nresolver_preload: { %s: "%s" }\n' % (
        token(operator, operator, "operator"), account.public,
        token(account, operator, "account", limits=dict(WITHOUT_LIMITS, wildcards=True)))
