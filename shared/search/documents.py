"""From a document of the service to what an engine indexes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from shared.search import analysis
from shared.search.port import NO_CLIENT, IndexDocument, Prepared
from shared.search.ranking import Ranked

FORMAT = 1
"""Raised when fields or analysis change: an index of another format counts as lost, and is made again."""
RANKED_CHARACTERS = 8000
"""How much of a body ranking counts in; all of it is found."""
_TIE_BITS = 29
_BETWEEN = f" {analysis.PARAGRAPH} "


def order_of(collected_at: datetime | None, id: str) -> int:
    """A unique key that grows with the time of collection: lists and pages follow it, in every engine."""
    seconds = min(max(0, int(collected_at.timestamp())), 2**34 - 1) if collected_at else 0
    tie = int.from_bytes(hashlib.blake2b(id.encode(), digest_size=4).digest(), "big") >> (32 - _TIE_BITS)
    return (seconds << _TIE_BITS) | tie


def order_from(moment: datetime) -> int:
    """The lowest key of a moment."""
    return order_of(moment, "") >> _TIE_BITS << _TIE_BITS


def prepare(document: IndexDocument) -> Prepared:
    """Analyse one document."""
    order = order_of(document.collected_at, document.id)
    if document.deleted:
        return Prepared(document.id, document.epoch, document.version, True, order, {}, {}, "")
    named = "\n\n".join([document.title, *document.names])
    title, body = analysis.analyse(named), analysis.analyse(document.body)
    names = [*document.names, *([document.title] if document.kind == "client" else [])]
    pinyin = " ".join(filter(None, map(analysis.pinyin, names)))
    short = (
        body
        if len(document.body) <= RANKED_CHARACTERS
        else analysis.analyse(document.body[:RANKED_CHARACTERS])
    )
    ranked = Ranked(
        id=document.id,
        kind=document.kind,
        client=document.client_id or NO_CLIENT,
        part=document.part,
        reliability=document.reliability,
        credibility=document.credibility or 0,
        fresh_from=_seconds(document.verified_at or document.collected_at),
        valid_until=_seconds(document.valid_until),
        name=document.title.replace("\x1e", " "),
        title=title.ranked,
        body=short.ranked,
    )
    return Prepared(
        id=document.id,
        epoch=document.epoch,
        version=document.version,
        deleted=False,
        order=order,
        keywords=_keywords(document),
        streams={
            "text_pairs": _BETWEEN.join(filter(None, (title.pairs, body.pairs))),
            "text_units": _BETWEEN.join(filter(None, (title.units, body.units))),
            "text_words": f"{title.words} {body.words}".strip(),
            "title_pairs": title.pairs,
            "title_units": title.units,
            "title_words": title.words,
            "source_units": _source_units(document.source_name),
            "pinyin": pinyin,
            "starts": " ".join([*_plain_words(named), pinyin]).strip(),
        },
        stored=ranked.pack(),
    )


@lru_cache(maxsize=1024)
def _source_units(name: str) -> str:
    return analysis.analyse(name).units


def _keywords(document: IndexDocument) -> dict[str, tuple[str, ...]]:
    values = {
        "kind": (document.kind,),
        "client": (document.client_id or NO_CLIENT,),
        "part": (document.part,),
        "method": (document.method,),
        "label": (document.label,),
        "source": (document.source_id,),
        "recipient": document.recipients,
        "listing": ("yes",) if document.listing else (),
        "alive": ("yes",),
    }
    return {name: tuple(filter(None, held)) for name, held in values.items()}


def _plain_words(text: str) -> Iterator[str]:
    """Words as they are written, folded: suggestions go on from their beginnings."""
    for token in analysis.tokens(analysis.normalise(text).text):
        if not token.han:
            yield token.text
            yield from analysis.parts(token.text)


def _seconds(moment: datetime | None) -> int:
    return max(0, int(moment.timestamp())) if moment else 0
