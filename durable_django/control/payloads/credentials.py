"""Find the credentials in a text: what stands after a sensitive key, or looks like one itself.

For messages, so no grammar is taken for granted: JSON, the `repr` of Python, headers, query
strings and prose. In doubt too much is hidden. Every search is linear in the length of the text,
whatever the text is: possessive where it could go back, bounded where it could begin anew.
"""

from __future__ import annotations

import re
from functools import lru_cache

from durable_django.control.payloads.sensitive_keys import is_sensitive

#: A key, the quote that may close it, and what separates it from its value.
_ASSIGNMENT = re.compile(
    r"""(?<![\w.-])(?P<key>[\w-][\w.-]{0,200}+)\\{0,8}+["']?+[ \t]{0,4}+"""
    r"""(?::(?!:)|=>|=(?!=))[ \t]{0,4}+"""
)
#: `API key: …`: what the word before makes of it decides.
_DEPENDENT_KEYS = frozenset({"key", "keys", "number", "no"})
_WORD_BEFORE = re.compile(r"[A-Za-z]{1,30} $")
_MAX_WORD_LENGTH = 31
#: Words up to a delimiter; a quote in the midst of a word is an apostrophe.
_BARE = re.compile(r"""[^\s,;&(){}\[\]"'<>\\]++|\\(?!\\{0,8}+["'])|(?<=\w)["'](?=\w)""")
_OPENING = re.compile(r"""(?:[BRUbru]{1,2}+(?=["']))?+(?P<quote>\\{0,8}+["'])""")
_IN_BRACKETS = re.compile(r"""[\[\](){}]|"(?:[^"\\]|\\.)*+"?+|'(?:[^'\\]|\\.)*+'?+""", re.DOTALL)
_LINE = re.compile(r"[^\r\n]*+")
#: `Authorization: Bearer …`: the secret is the word after this one.
_SCHEMES = frozenset({"bearer", "basic", "digest", "negotiate", "token", "apikey"})
#: What these name has digits in it.
_NUMBERS = frozenset({"card", "cards", "cvv", "cvc", "iban", "ibans", "ssn"})
_KEY_WORD = re.compile(r"[A-Za-z][a-z]*+")
_NOTHING = frozenset({"", "none", "null", '""', "''"})

_TOKENS = re.compile(
    # what stands before the @ of a URL, also a password with a slash in it; but not host:port/…
    r"""(?<=://)(?:[^\s/"'<>]+(?=@)|"""
    r"""[^\s/:@"'<>]{0,200}+:(?!\d{1,5}+(?:[/?#\s"']|$))[^\s@"'<>]{1,200}+(?=@))"""
    # a bearer token: it has what no word has, or is long
    r"""|(?<=\b[Bb]earer )(?:(?=[\w-]{0,200}?(?:\d|[.~+/=]\w))[\w.~+/=-]{8,}+|[\w-]{20,}+)"""
    # a JSON Web Token
    r"""|\beyJ[\w-]{8,}+\.[\w-]{4,}+\.[\w-]*+"""
)
#: Zero-width, so that one which begins inside another's digits is found as well.
_CARD = re.compile(
    r"(?<![0-9])(?<![0-9]\.)(?=(?P<number>[2-6][0-9]{12,18}|[2-6][0-9]{3}([ -])[0-9]{4}\2[0-9]{4}\2"
    r"[0-9]{1,7}|3[0-9]{3}([ -])[0-9]{6}\3[0-9]{4,5})(?![0-9]))"
)
_MIN_CARD_LENGTH, _MAX_CARD_LENGTH = 13, 19
_DOUBLED = str.maketrans("0123456789", "0246813579")


def hide_credentials(text: str, replacement: str) -> str:
    """Return the text with every credential in it replaced."""
    return _hide_cards(_TOKENS.sub(replacement, _hide_values(text, replacement)), replacement)


def _hide_values(text: str, replacement: str) -> str:
    """Replace the values of sensitive keys."""
    shown: list[str] = []
    at = 0
    while (found := _ASSIGNMENT.search(text, at)) is not None:
        begin = found.end()
        end = _end_of_secret(text, found)
        shown += (text[at:begin], replacement if end > begin else "")
        at = max(begin, end)
    shown.append(text[at:])
    return "".join(shown)


def _end_of_secret(text: str, found: re.Match[str]) -> int:
    """Return where the value after this key ends if it is a secret, else where it begins."""
    key, begin = found["key"], found.end()
    if key.lower() in _DEPENDENT_KEYS:
        before = _WORD_BEFORE.search(text, max(0, found.start() - _MAX_WORD_LENGTH), found.start())
        key = f"{before[0] if before else ''}{key}"
    if not is_sensitive(key):
        return begin
    if "cookie" in key.lower() and _OPENING.match(text, begin) is None:
        return _match_end(_LINE, text, begin)
    end = _end_of_value(text, begin)
    value = text[begin:end].lower()
    if value in _NOTHING or not is_sensitive(key, is_number=value.isdecimal()):
        return begin
    if _is_prose(key, value):
        return begin
    if value in _SCHEMES and text[end : end + 1] == " ":
        return _end_of_value(text, end + 1)
    return end


def _is_prose(key: str, value: str) -> bool:
    """Say whether a word without a digit follows what is always a number.

    As in `charge_card: RuntimeError` and `Invalid card: declined`.
    """
    words = {word.lower() for word in _KEY_WORD.findall(key)}
    return not words.isdisjoint(_NUMBERS) and value.isalpha()


def _end_of_value(text: str, begin: int) -> int:
    """Return the end of what begins there: a quoted text, or words and whole brackets."""
    if (opening := _OPENING.match(text, begin)) is not None:
        closing = _closing(opening["quote"]).search(text, opening.end())
        return len(text) if closing is None else closing.end()
    at = begin
    while at < len(text):
        if text[at] in "([{":
            at = _end_of_brackets(text, at)
        elif (end := _match_end(_BARE, text, at)) > at:
            at = end
        else:
            break
    return at


@lru_cache(maxsize=32)
def _closing(opening: str) -> re.Pattern[str]:
    # Not behind a backslash more: that one stands inside the value.
    return re.compile(r"(?<!\\)" + re.escape(opening))


def _end_of_brackets(text: str, begin: int) -> int:
    depth = 0
    for found in _IN_BRACKETS.finditer(text, begin):
        if found[0] in "([{":
            depth += 1
        elif found[0] in ")]}":
            depth -= 1
        if depth == 0:
            return found.end()
    return len(text)


def _match_end(pattern: re.Pattern[str], text: str, begin: int) -> int:
    found = pattern.match(text, begin)
    return begin if found is None else found.end()


def _hide_cards(text: str, replacement: str) -> str:
    shown: list[str] = []
    at = 0
    for found in _CARD.finditer(text):
        begin, end = found.span("number")
        if begin >= at and _is_card_number(found["number"]):
            shown += (text[at:begin], replacement)
            at = end
    return "".join((*shown, text[at:])) if shown else text


def _is_card_number(number: str) -> bool:
    """Return whether the digits have a card's length and pass Luhn's check."""
    digits = number.replace(" ", "").replace("-", "")
    total = sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))
    return _MIN_CARD_LENGTH <= len(digits) <= _MAX_CARD_LENGTH and total % 10 == 0
