"""Signing keys, issued tokens, credentials, one-time links and counted guesses."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "portal_0001"
down_revision = None
branch_labels = ("portal",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("jwk", sa.JSON, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("retired_at", UtcDateTime),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "issued_tokens",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("person_id", sa.String(36), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(36), nullable=False, index=True),
        sa.Column("session_id", sa.String(36), nullable=False, index=True),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("issued_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "credentials",
        sa.Column("person_id", sa.String(36), primary_key=True),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("must_change", sa.Boolean, nullable=False),
        sa.Column("set_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "links",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("person_id", sa.String(36), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("made_by", sa.String(36), nullable=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("closed_at", UtcDateTime),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "guesses",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("since", UtcDateTime, nullable=False, index=True),
        sa.Column("count", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    raise RuntimeError("restore a backup instead")
