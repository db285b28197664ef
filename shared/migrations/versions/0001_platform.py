"""The platform's tables: events, inbox, positions, dead letters, idempotency, audit, access facts."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "platform_0001"
down_revision = None
branch_labels = ("platform",)
depends_on = None

SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "events",
        sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("event_id", sa.String(36), nullable=False, unique=True),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("envelope", sa.Text, nullable=False),
    )
    op.create_index("events_topic", "events", ["topic", "id"])
    op.create_index("events_key", "events", ["key", "version"])
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(64), primary_key=True),
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "positions",
        sa.Column("consumer", sa.String(64), primary_key=True),
        sa.Column("topic", sa.String(64), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("position", SEQUENCE, nullable=False),
        sa.Column("at_end_at", UtcDateTime),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("consumer", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("parked", sa.Boolean, nullable=False),
        sa.Column("waiting", sa.Boolean, nullable=False),
        sa.Column("envelope", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index("dead_letters_key", "dead_letters", ["consumer", "source", "key"])
    op.create_table(
        "idempotency",
        sa.Column("actor", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("trace", sa.String(64), nullable=False),
        sa.Column("number", SEQUENCE, unique=True),
        sa.Column("hash", sa.String(64)),
        sa.Column("signature", sa.String(64)),
    )
    op.create_table(
        "access_revision",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision", sa.String(36), nullable=False),
    )
    op.create_table(
        "access_facts",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """There is no way back from the first schema."""
    raise RuntimeError("restore a backup instead")
