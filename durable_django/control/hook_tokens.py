"""The tokens of signed links: made, verified, and hashed for storage; no database.

A token names its link and says nothing else; only its signature makes it worth a look.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from django.core.signing import BadSignature, Signer

from durable_django.conf import settings

#: Signatures under one of these are good for nothing else, and others not for it.
SIGNAL_LINK, TASK_LINK = "durable_django.hook", "durable_django.task_link"
_NONCE_BYTES = 16
#: Hook id, nonce, expiry in seconds since 1970, signature.
_SHAPE = re.compile(r"[0-9a-f]{32}\.[\w-]{22}\.[0-9]{1,12}\.[\w-]{43}\Z", re.ASCII)


def sign_token(hook_id: UUID, expires_at: datetime, salt: str = SIGNAL_LINK) -> str:
    """Return a new token for this link: 110 or so characters that need no quoting in a URL."""
    nonce = secrets.token_urlsafe(_NONCE_BYTES)
    return _signer(salt).sign(f"{hook_id.hex}.{nonce}.{int(expires_at.timestamp())}")


def read_token(token: str, salt: str = SIGNAL_LINK) -> UUID | None:
    """Return the link a token names, or None if we did not sign it so. Any text is welcome."""
    # The shape first: what follows must not meet surrogates, NUL or a megabyte.
    if not _SHAPE.match(token):
        return None
    try:
        facts = _signer(salt).unsign(token)
    except BadSignature:
        return None
    return UUID(facts[:32])


def digest_token(token: str) -> str:
    """Return what is stored of a token: its SHA-256, in hexadecimal."""
    return sha256(token.encode()).hexdigest()


def _signer(salt: str) -> Signer:
    keys = settings().hook_keys
    if not keys:
        return Signer(sep=".", salt=salt)  # SECRET_KEY, and SECRET_KEY_FALLBACKS to verify
    return Signer(key=keys[0], sep=".", salt=salt, fallback_keys=list(keys[1:]))
