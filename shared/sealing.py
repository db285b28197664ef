"""Secrets that must lie in a database are sealed with the installation's secret (A256GCM)."""

from __future__ import annotations

import base64
import hashlib

from joserfc import jwe
from joserfc.jwk import OctKey

_HEADER = {"alg": "dir", "enc": "A256GCM"}


def seal(text: bytes, *, secret: str, purpose: str) -> str:
    """Encrypt; what is sealed for one purpose cannot be opened for another."""
    return jwe.encrypt_compact(_HEADER, text, _key(secret, purpose))


def unseal(sealed: str, *, secret: str, purpose: str) -> bytes:
    """Decrypt. Raises joserfc's JoseError when it was changed, or sealed with another secret or purpose."""
    return jwe.decrypt_compact(sealed, _key(secret, purpose)).plaintext or b""


def _key(secret: str, purpose: str) -> OctKey:
    digest = hashlib.sha256(purpose.encode() + b"\0" + secret.encode()).digest()
    return OctKey.import_key({"kty": "oct", "k": base64.urlsafe_b64encode(digest).rstrip(b"=").decode()})
