"""Another codec's text, encrypted and authenticated: `{"$fernet": "<token>"}`.

Hides content, not its length, and does not bind a text to its row: who can write to the database
can still put one execution's text in the place of another's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from durable_django.exceptions import ConfigurationError, PayloadError
from durable_django.ports.codec import Codec

try:
    from cryptography.fernet import Fernet, InvalidToken, MultiFernet
except ImportError as exc:
    raise ConfigurationError(
        "EncryptingCodec needs cryptography: pip install 'durable-django[encryption]'."
    ) from exc

_PREFIX = '{"$fernet":"'
_SUFFIX = '"}'
_DIGEST_PURPOSE = b"durable_django payload digest"


class EncryptingCodec:
    """Encrypts what `inner` writes, with Fernet (AES-128-CBC and HMAC-SHA256).

    `keys` are from `Fernet.generate_key()`: the first encrypts, all of them decrypt. To rotate,
    put a new one first, rewrite what is stored with `rotate`, then drop the old one.
    With `accepts_plain`, text stored before encryption was turned on is read as well; leave it out
    once none is left, because such text is not authenticated.
    """

    def __init__(self, inner: Codec, keys: Sequence[str], *, accepts_plain: bool = False) -> None:
        if isinstance(keys, str) or not keys:
            raise ConfigurationError("EncryptingCodec needs a list of at least one key.")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
            self._digest_keys = tuple(
                hmac.digest(key.encode("ascii"), _DIGEST_PURPOSE, "sha256") for key in keys
            )
        except (ValueError, TypeError, AttributeError):
            # Not from the cause: it must not carry a key into a log.
            raise ConfigurationError(
                "EncryptingCodec has a key that is no Fernet key (32 bytes in URL-safe base64)."
            ) from None
        self._inner = inner
        self._accepts_plain = accepts_plain

    def encode(self, value: object) -> str:
        return self._seal(self._inner.encode(value))

    def decode(self, text: str) -> object:
        return self._inner.decode(self.unseal(text))

    def rotate(self, text: str) -> str:
        """Return the text encrypted with the first key.

        Raises:
            PayloadError: No key opens it, or it was changed.
        """
        return self._seal(self.unseal(text))

    def digests(self, text: str) -> tuple[str, ...]:
        """Return the keyed digest of the plain text under every key, the first key's first.

        Raises:
            PayloadError: As `rotate`.
        """
        plain = self.unseal(text).encode("utf-8")
        return tuple(hmac.new(key, plain, hashlib.sha256).hexdigest() for key in self._digest_keys)

    def unseal(self, text: str) -> str:
        """Return the text that `inner` wrote, unread.

        Raises:
            PayloadError: As `rotate`.
        """
        if not (text.startswith(_PREFIX) and text.endswith(_SUFFIX)):
            if self._accepts_plain:
                return text
            raise PayloadError("Value", "is not encrypted, and only encrypted text is read here.")
        try:
            token = text[len(_PREFIX) : -len(_SUFFIX)]
            return self._fernet.decrypt(token).decode("utf-8")
        except (InvalidToken, ValueError):
            raise PayloadError(
                "Value", "cannot be decrypted: it was changed, or its key is no longer in the list."
            ) from None

    def _seal(self, plain: str) -> str:
        return f"{_PREFIX}{self._fernet.encrypt(plain.encode('utf-8')).decode('ascii')}{_SUFFIX}"
