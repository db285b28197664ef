"""Pure folds: what intelligence publishes → what citing needs of it."""

from __future__ import annotations

from typing import Any

from contracts.intelligence import Finding


def of_finding(finding: Finding) -> dict[str, Any]:
    """What is kept of a finding: enough to know who may see it and whether it stands."""
    return {
        "id": finding.id,
        "client_id": finding.client_id,
        "label": finding.label,
        "recipients": sorted(finding.recipients),
        # What a TLP:RED finding says does not come here: its label stands for it.
        "title": finding.title or finding.label,
        "state": finding.state,
        "author_id": finding.author_id,
        "valid_until": finding.valid_until,
        "superseded_by_id": finding.superseded_by_id,
    }
