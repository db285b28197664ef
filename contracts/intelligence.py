"""What intelligence publishes: sources and findings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from contracts.event import HAPPENINGS, Shape, happening

TOPIC = "intelligence"
RESTRICTED_TOPIC = "intelligence.restricted"
RED = "TLP:RED"


@dataclass(frozen=True, kw_only=True)
class Source(Shape):
    """Where facts come from. `reliability`: Admiralty A–F. `origin_id`: the independent origin it repeats."""

    TOPIC = TOPIC
    NAME = "source"

    id: str
    name: str = ""
    kind: str = ""
    url: str = ""
    reliability: str = "F"
    origin_id: str | None = None
    client_id: str | None = None
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Finding(Shape):
    """One fact about one client or market, with its evidence.

    `state`: draft, submitted, verified, disputed, retracted or superseded. `credibility`: Admiralty 1–6.
    `label`: TLP 2.0. Valid time is `valid_from`..`valid_until` (dates); recorded time is the event's `at`.
    What a TLP:RED finding says is left out here; it travels as a `RestrictedFinding`.
    """

    TOPIC = TOPIC
    NAME = "finding"

    id: str
    client_id: str | None = None
    market: str = ""
    territory_id: str | None = None
    part: str = ""
    title: str = ""
    body: str = ""
    method: str = ""
    source_id: str = ""
    corroborated_by: list[str] = field(default_factory=list)
    credibility: int = 6
    label: str = "TLP:AMBER+STRICT"
    recipients: list[str] = field(default_factory=list)
    quote: str = ""
    locator: str = ""
    valid_from: str | None = None
    valid_until: str | None = None
    collected_at: str = ""
    verified_at: str | None = None
    state: str = "draft"
    author_id: str = ""
    supersedes_id: str | None = None
    superseded_by_id: str | None = None
    version: int = 0

    def parts(self) -> tuple[Shape, ...]:
        """Of a TLP:RED finding: that there is one; and, on the topic that only search reads, what it says."""
        if self.label != RED:
            return (self,)
        return replace(self, title="", body="", quote="", locator=""), RestrictedFinding(**self.to_dict())


@dataclass(frozen=True, kw_only=True)
class RestrictedFinding(Finding):
    """All of a TLP:RED finding."""

    TOPIC = RESTRICTED_TOPIC
    NAME = "restricted_finding"


SourceAdded = happening(Source, "added", "a source was added")
SourceChanged = happening(Source, "changed", "a source's facts were changed")
FindingDrafted = happening(Finding, "drafted", "a finding was kept as a draft")
FindingChanged = happening(Finding, "changed", "a draft's fields were changed")
FindingSubmitted = happening(Finding, "submitted", "a finding was submitted to the client's team")
FindingVerified = happening(Finding, "verified", "somebody other than the author checked the finding")
FindingDisputed = happening(Finding, "disputed", "somebody doubts the finding")
FindingResolved = happening(Finding, "resolved", "a dispute was settled in the finding's favour")
FindingRetracted = happening(Finding, "retracted", "the finding was withdrawn; it stays readable as such")
FindingSuperseded = happening(Finding, "superseded", "a correction took the finding's place")
for _of_finding in [known for known in HAPPENINGS.values() if known.shape is Finding]:
    happening(RestrictedFinding, _of_finding.name, f"TLP:RED: {_of_finding.meaning}")
