"""Sources, findings and the people whom findings name as their readers."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "intelligence_0001"
down_revision = None
branch_labels = ("intelligence",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("reliability", sa.String(1), nullable=False),
        sa.Column("origin_id", sa.String(36), index=True),
        sa.Column("client_id", sa.String(36), index=True),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("client_id", sa.String(36)),
        sa.Column("market", sa.String(200), nullable=False),
        sa.Column("territory_id", sa.String(36)),
        sa.Column("part", sa.String(32), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("source_id", sa.String(36), nullable=False),
        sa.Column("corroborated_by", sa.JSON, nullable=False),
        sa.Column("credibility", sa.Integer, nullable=False),
        sa.Column("label", sa.String(32), nullable=False),
        sa.Column("quote", sa.Text, nullable=False),
        sa.Column("locator", sa.String(500), nullable=False),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_until", sa.Date),
        sa.Column("collected_at", UtcDateTime, nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("verified_at", UtcDateTime),
        sa.Column("fresh_since", UtcDateTime, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("author_id", sa.String(36), nullable=False),
        sa.Column("contributor_ids", sa.JSON, nullable=False),
        sa.Column("supersedes_id", sa.String(36)),
        sa.Column("superseded_by_id", sa.String(36)),
        sa.Column("version", sa.Integer, nullable=False),
    )
    for name, columns in {
        "findings_client": ["client_id", "id", "label", "state", "author_id"],
        "findings_source": ["source_id", "id"],
        "findings_author": ["author_id", "id"],
        "findings_author_state": ["author_id", "state", "id"],
        "findings_ageing": ["client_id", "part", "fresh_since"],
        "findings_state": ["state", "id", "client_id", "label", "author_id"],
        "findings_market": ["market", "id"],
        "findings_access": ["id", "client_id", "label", "state", "author_id"],
    }.items():
        op.create_index(name, "findings", columns)
    op.create_table(
        "finding_recipients",
        sa.Column("finding_id", sa.String(36), sa.ForeignKey("findings.id"), primary_key=True),
        sa.Column("person_id", sa.String(36), primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
    )
    op.create_index("finding_recipients_person", "finding_recipients", ["person_id", "finding_id"])


def downgrade() -> None:
    raise RuntimeError("restore a backup instead")
