"""Documents, their sequence, what is to be indexed again, and wishes for a rebuild."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "search_0001"
down_revision = None
branch_labels = ("search",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False, unique=True),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("client_id", sa.String(36), index=True),
        sa.Column("label", sa.String(16), nullable=False),
        sa.Column("recipients", sa.JSON, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("names", sa.JSON, nullable=False),
        sa.Column("part", sa.String(32), nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("source_id", sa.String(36), nullable=False, index=True),
        sa.Column("reliability", sa.String(1), nullable=False),
        sa.Column("credibility", sa.Integer),
        sa.Column("valid_from", sa.String(32), nullable=False),
        sa.Column("valid_until", sa.String(32), nullable=False),
        sa.Column("collected_at", UtcDateTime),
        sa.Column("verified_at", UtcDateTime),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(36), nullable=False),
    )
    sequence = op.create_table(
        "document_sequence",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "retouches",
        sa.Column("source_id", sa.String(64), primary_key=True),
        sa.Column("after", sa.String(64), nullable=False),
        sa.Column("done_seq", sa.BigInteger),
    )
    wishes = op.create_table(
        "rebuilds",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("copied", sa.BigInteger, nullable=False),
        sa.Column("filling", sa.Boolean, nullable=False),
    )
    op.bulk_insert(sequence, [{"id": 1, "last": 0}])
    op.bulk_insert(wishes, [{"id": 1, "wanted": 0, "done": 0, "copied": 0, "filling": False}])


def downgrade() -> None:
    raise RuntimeError("restore a backup instead")
