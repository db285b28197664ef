"""Proposals with their sections, citations, approvals, comments and steps; pitches; findings as cited."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "proposals_0001"
down_revision = None
branch_labels = ("proposals",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "findings",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("client_id", sa.String(36)),
        sa.Column("label", sa.String(32), nullable=False),
        sa.Column("recipients", sa.JSON, nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("author_id", sa.String(36), nullable=False),
        sa.Column("valid_until", sa.String(32)),
        sa.Column("superseded_by_id", sa.String(36)),
    )
    op.create_index("findings_client", "findings", ["client_id", "id"])
    op.create_table(
        "numbers",
        sa.Column("year", sa.Integer, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
    )
    op.create_table(
        "proposals",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("number", sa.String(20), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("client_id", sa.String(36)),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("label", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_since", UtcDateTime, nullable=False),
        sa.Column("author_id", sa.String(36), nullable=False),
        sa.Column("owner_id", sa.String(36), nullable=False),
        sa.Column("contributor_ids", sa.JSON, nullable=False),
        sa.Column("due_at", UtcDateTime),
        sa.Column("valid_until", sa.Date),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("budget", sa.JSON, nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("probability", sa.Integer),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("waiting_for", sa.JSON, nullable=False),
        sa.Column("family_id", sa.String(36), nullable=False, index=True),
        sa.Column("alternative", sa.String(4), nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("outcome_reason", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("closed_at", UtcDateTime),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("proposals_access", "proposals", ["id", "client_id", "label", "state", "author_id"])
    op.create_index(
        "proposals_board", "proposals", ["state", "state_since", "id", "client_id", "label", "author_id"]
    )
    op.create_index("proposals_client", "proposals", ["client_id", "id"])
    op.create_index(
        "proposals_decided",
        "proposals",
        ["result", "closed_at", "kind", "client_id", "author_id", "label", "state", "probability", "id"],
    )
    op.create_index("proposals_due", "proposals", ["due_at", "state", "id"])
    op.create_index(
        "proposals_open",
        "proposals",
        [
            "state",
            "owner_id",
            "due_at",
            "state_since",
            "kind",
            "client_id",
            "label",
            "author_id",
            "amount_cents",
            "probability",
            "id",
        ],
    )
    op.create_index("proposals_owner", "proposals", ["owner_id", "state", "id"])
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("proposal_id", sa.String(36), sa.ForeignKey("proposals.id"), nullable=False, index=True),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("who", sa.String(16), nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("decision", sa.String(20), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("voided_at", UtcDateTime),
    )
    op.create_table(
        "citation_decisions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("proposal_id", sa.String(36), sa.ForeignKey("proposals.id"), nullable=False, index=True),
        sa.Column("finding_id", sa.String(36), nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "comments",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("proposal_id", sa.String(36), sa.ForeignKey("proposals.id"), nullable=False, index=True),
        sa.Column("section_id", sa.String(36)),
        sa.Column("author_id", sa.String(36), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("resolved_at", UtcDateTime),
        sa.Column("resolved_by", sa.String(36)),
    )
    op.create_table(
        "pitches",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("proposal_id", sa.String(36), sa.ForeignKey("proposals.id"), nullable=False, unique=True),
        sa.Column("brief", sa.Text, nullable=False),
        sa.Column("incumbent", sa.Boolean, nullable=False),
        sa.Column("questions", sa.JSON, nullable=False),
        sa.Column("criteria", sa.JSON, nullable=False),
        sa.Column("weights_locked_at", UtcDateTime),
        sa.Column("scores", sa.JSON, nullable=False),
        sa.Column("costs", sa.JSON, nullable=False),
        sa.Column("cost_cents", sa.BigInteger, nullable=False),
        sa.Column("go_no_go", sa.JSON, nullable=False),
        sa.Column("override", sa.JSON, nullable=False),
        sa.Column("winner", sa.String(200), nullable=False),
        sa.Column("debrief", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "proposal_recipients",
        sa.Column("proposal_id", sa.String(36), sa.ForeignKey("proposals.id"), primary_key=True),
        sa.Column("person_id", sa.String(36), primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
    )
    op.create_index("proposal_recipients_person", "proposal_recipients", ["person_id", "proposal_id"])
    op.create_table(
        "sections",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("proposal_id", sa.String(36), sa.ForeignKey("proposals.id"), nullable=False, index=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("heading", sa.String(300), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "steps",
        sa.Column("proposal_id", sa.String(36), sa.ForeignKey("proposals.id"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("entered_at", UtcDateTime, nullable=False),
        sa.Column("left_at", UtcDateTime),
        sa.Column("seconds", sa.BigInteger),
    )
    op.create_index("steps_left", "steps", ["kind", "state", "left_at", "seconds", "proposal_id"])
    op.create_table(
        "citations",
        sa.Column("section_id", sa.String(36), sa.ForeignKey("sections.id"), primary_key=True),
        sa.Column("finding_id", sa.String(36), primary_key=True),
        sa.Column("proposal_id", sa.String(36), nullable=False, index=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("cited_label", sa.String(32), nullable=False),
    )
    op.create_index("citations_finding", "citations", ["finding_id", "proposal_id"])
    op.create_table(
        "competitors",
        sa.Column("pitch_id", sa.String(36), sa.ForeignKey("pitches.id"), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
    )
    op.create_index("competitors_name", "competitors", ["name", "pitch_id"])
    op.create_table(
        "mentions",
        sa.Column("comment_id", sa.String(36), sa.ForeignKey("comments.id"), primary_key=True),
        sa.Column("person_id", sa.String(36), primary_key=True),
    )
    op.create_index("mentions_person", "mentions", ["person_id", "comment_id"])


def downgrade() -> None:
    raise RuntimeError("restore a backup instead")
