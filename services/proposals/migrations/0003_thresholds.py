"""Directors set from which amount and discount a rule asks for its approval; every value stays."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "proposals_0003"
down_revision = "proposals_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approval_thresholds",
        sa.Column("rule_id", sa.String(32), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("value", sa.String(24), nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.Column("by_id", sa.String(36), nullable=False),
    )


def downgrade() -> None:
    raise RuntimeError("restore a backup instead")
