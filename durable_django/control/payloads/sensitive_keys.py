"""Which keys say that their value is a secret.

A key is split into its words, so that `card` and `giftCard` are sensitive while `discard` and
`cardinality` are not. In doubt a value is hidden: a key that only looks sensitive costs a glance
elsewhere, a secret on a page costs more.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from durable_django.conf import settings

#: Sensitive as a word of the key.
_WORDS = frozenset(
    {
        *("secret", "secrets", "token", "tokens", "card", "cards", "cvv", "cvc", "iban", "ibans"),
        *("ssn", "pwd", "passphrase", "cookie", "cookies"),
    }
)
#: Sensitive wherever the key's letters hold it: no other word does.
_STEMS = (
    *("password", "passwd", "authorization", "credential", "apikey", "privatekey", "accesskey"),
    *("creditcard", "debitcard", "cardnumber"),
)
#: Written as one word with what is before it: `clientsecret`, `csrfmiddlewaretoken`.
_ENDS = ("secret", "token")
#: As the last word: `tokens_used`, `password_changed_at`, `CardDeclinedError` are about a secret.
_ABOUT = frozenset(
    {
        *("at", "count", "limit", "total", "type", "usage", "used", "status", "state", "error"),
        *("errors", "exception", "expired", "declined", "refused", "invalid", "missing", "failed"),
        *("required", "found"),
    }
)
#: A number of them is none of them: `max_tokens`.
_COUNTABLE = frozenset({"secrets", "tokens", "cards", "cookies"})

_MAX_CACHED_LENGTH = 100
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def is_sensitive(key: str, *, is_number: bool = False) -> bool:
    """Return whether what stands under this key is hidden: by default, or by `DURABLE["REDACT"]`.

    The latter are regular expressions, searched for in the key, whatever its case.
    `is_number` says that the value is a number: `tokens: 12` is a count, `token: 123456` a secret.
    """
    decide = _decide if len(key) > _MAX_CACHED_LENGTH else _decide_once
    return decide(key, settings().redact, is_number)


def _decide(key: str, extra: tuple[str, ...], is_number: bool) -> bool:  # noqa: FBT001 -- part of the cache's key
    if any(pattern.search(key) for pattern in _compile(extra)):
        return True
    words = [word.lower() for word in _WORD.findall(unicodedata.normalize("NFKC", key))]
    if not words or words[-1] in _ABOUT:
        return False
    joined = "".join(words)
    if any(stem in joined for stem in _STEMS):
        return True
    # The letters as one word too, for keys of wild case.
    return any(
        (word in _WORDS or word.endswith(_ENDS)) and not (is_number and word in _COUNTABLE)
        for word in (*words, joined)
    )


_decide_once = lru_cache(maxsize=4096)(_decide)


@lru_cache(maxsize=4)
def _compile(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)
