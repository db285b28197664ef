"""Pure rules of the portal: how long tokens and links live, how often one may guess, what passwords are."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta

from contracts.accounts import Person
from services.portal.domain.passwords import password_fault

__all__ = ["password_fault"]

SESSION, API = "session", "api"
SESSION_LIFE = timedelta(hours=12)
SESSION_LONGEST = timedelta(days=7)  # then one signs in again, however busy one was
API_TOKEN_LIFE = timedelta(days=90)
API_TOKEN_LONGEST = timedelta(days=366)
SCOPES = ("read", "read write")

INVITATION, RESET = "invitation", "reset"
LINK_LIFE = {INVITATION: timedelta(days=7), RESET: timedelta(days=1)}

# Nobody guesses a password that is not among the common ones with 40 attempts an hour; an office behind one
# address still signs in on a Monday morning, because only failures count.
GUESS_WINDOW = timedelta(minutes=15)
GUESSES_PER_ACCOUNT = 10
GUESSES_PER_ADDRESS = 100

# Services hear of a new key within moments; until then the key before it goes on signing.
KEY_SPREAD = timedelta(minutes=1)

_BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
    ("Mac OS", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def guarded(roles: Iterable[str]) -> bool:
    """Whether only administrators decide about somebody with these roles."""
    return bool({"administrator", "auditor"} & set(roles))


def folded(username: str) -> str:
    """A username as it is compared: without regard to case, width or spaces around it."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


def named(people: Iterable[Person], username: str) -> Person | None:
    """The person who signs in under a name as it was typed."""
    wanted = folded(username)
    return next((person for person in people if folded(person.username) == wanted), None) if wanted else None


def own_words(person: Person) -> tuple[str, ...]:
    """What a password of theirs must not hold."""
    return (person.username, person.name, person.email.partition("@")[0], "广告客户管理")


def worth_renewing(expires_at: datetime, started_at: datetime, now: datetime) -> bool:
    """Whether a session has less than half of its life left and may still go on."""
    return expires_at - now < SESSION_LIFE / 2 and renewed_until(started_at, now) > expires_at


def renewed_until(started_at: datetime, now: datetime) -> datetime:
    """When a session that is renewed now ends."""
    return min(now + SESSION_LIFE, started_at + SESSION_LONGEST)


def guess_key(secret: str, kind: str, value: str) -> str:
    """Under which attempts of an account or address are counted: neither can be read from it."""
    return pseudonym(secret, f"{kind}\0{value}")


def pseudonym(secret: str, value: str) -> str:
    """A name for something that must be told apart but not be told."""
    return hmac.new(secret.encode(), value.encode(), hashlib.sha256).hexdigest()[:32]


def device(user_agent: str) -> str:
    """A browser and system in words that its owner knows it by, such as `Firefox · Linux`."""
    found = [
        next((name for mark, name in known if mark in user_agent), "") for known in (_BROWSERS, _SYSTEMS)
    ]
    return " · ".join(part for part in found if part)
