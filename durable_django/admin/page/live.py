"""Keep the page of a living execution up to date: a tag that says whether anything changed.

The tag is known before anything is rendered. It holds what the page depends on: what is stored of
the execution and when one of its children changed, what the user may see and do, the language and time zone, the open tab, and the minute, because
the page says how long ago things were and whether they are late.
"""

from __future__ import annotations

from hashlib import sha256

from django.http import HttpResponse, HttpResponseNotModified
from django.utils import timezone, translation
from django.utils.http import parse_etags

from durable_django.admin.page.look import Look
from durable_django.control.permissions import Permission, allows
from durable_django.control.versioning import version_of

#: Tells the script that nothing will change any more by itself.
FINAL_HEADER = "X-Durable-Final"
_LENGTH = 32


def tag_of(look: Look) -> str:
    """Return the strong ETag, quotes and all, of the page as this user would see it now."""
    user = look.request.user
    facts = (
        version_of(look.row),
        sorted(permission for permission in Permission if allows(user, permission)),
        translation.get_language(),
        timezone.get_current_timezone_name(),
        str(look.tab),
        look.page,
        look.of,
        look.only_failed,
        look.family,
        "" if look.execution.is_terminal else f"{look.now:%Y-%m-%dT%H:%M}",
    )
    return f'"{sha256(repr(facts).encode()).hexdigest()[:_LENGTH]}"'


def is_known(look: Look, tag: str) -> bool:
    """Say whether the browser has what `tag` stands for."""
    return tag in parse_etags(look.request.headers.get("If-None-Match", ""))


def mark_answer(answer: HttpResponse, look: Look, tag: str) -> HttpResponse:
    """Return the answer with its tag, and with the word that no other will differ."""
    answer["ETag"] = tag
    if look.execution.is_terminal:
        answer[FINAL_HEADER] = "1"
    return answer


def answer_unchanged(look: Look, tag: str) -> HttpResponse:
    """Return that the browser has it all."""
    return mark_answer(HttpResponseNotModified(), look, tag)
