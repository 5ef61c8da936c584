"""How many requests one user may make: by what they do, not by what the project does elsewhere."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from durable_django.conf import settings

READ, WRITE, HOOK = "durable-read", "durable-write", "durable-hook"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class DurableThrottle(SimpleRateThrottle):
    """Counts a user's reading and writing requests apart, in the project's default cache.

    `DURABLE["REST_READ_RATE"]` and `["REST_WRITE_RATE"]` say how many; an empty one sets no limit.
    """

    def __init__(self) -> None:
        # The base class wants the scope now; it depends on the request.
        self.scope = READ

    def allow_request(self, request: Request, view: Any) -> bool:
        """Say whether this request is within the limit, and count it."""
        self.scope = self.scope_of(request, view)
        self.rate = self.get_rate()
        self.num_requests, self.duration = self.parse_rate(self.rate)
        return bool(super().allow_request(request, view))

    def scope_of(self, request: Request, view: Any) -> str:
        """Return which limit the request counts against."""
        return view.throttle_scope or (READ if request.method in _READING else WRITE)

    def get_rate(self) -> str | None:
        """Return the limit that the settings give."""
        conf = settings()
        rates = {READ: conf.rest_read_rate, WRITE: conf.rest_write_rate, HOOK: conf.rest_hook_rate}
        return rates[str(self.scope)] or None

    def get_cache_key(self, request: Request, view: Any) -> str:
        """Return what is counted: the user, or the address of who is nobody."""
        user: Any = request.user
        if user and user.is_authenticated:
            return f"durable-throttle:{self.scope}:{user.pk}"
        # As a hash: X-Forwarded-For is whatever a stranger writes, and caches are choosy about keys.
        # Behind a Unix socket there may be none.
        ident = str(self.get_ident(request) or "")
        address = sha256(ident.encode(errors="surrogatepass")).hexdigest()
        return f"durable-throttle:{self.scope}:address:{address}"
