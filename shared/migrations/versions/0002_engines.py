"""Leases, epochs, and events that only say again what already holds."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "platform_0002"
down_revision = "platform_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("until", UtcDateTime, nullable=False),
    )
    op.create_table(
        "epoch",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
    )
    op.add_column("events", sa.Column("replay", sa.Boolean, nullable=False, server_default=sa.false()))
