"""The steps of some proposals are summed from an index alone."""

from alembic import op

revision = "proposals_0002"
down_revision = "proposals_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("steps_times", "steps", ["proposal_id", "left_at", "kind", "state", "seconds"])


def downgrade() -> None:
    raise RuntimeError("restore a backup instead")
