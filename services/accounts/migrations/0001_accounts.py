"""Clients and contacts, people, assignments, walls."""

import sqlalchemy as sa
from alembic import op

from shared.db import UtcDateTime

revision = "accounts_0001"
down_revision = None
branch_labels = ("accounts",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clients",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("english_name", sa.String(200), nullable=False),
        sa.Column("aliases", sa.JSON, nullable=False),
        sa.Column("names_key", sa.Text, nullable=False),
        sa.Column("sort_key", sa.String(512), nullable=False),
        sa.Column("industry", sa.String(100), nullable=False),
        sa.Column("parent_id", sa.String(36), index=True),
        sa.Column("branch", sa.String(100), nullable=False),
        sa.Column("visibility", sa.String(16), nullable=False),
        sa.Column("tier", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("clients_sort", "clients", ["sort_key", "id"])
    op.create_table(
        "contacts",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("client_id", sa.String(36), nullable=False, index=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("phone", sa.String(64), nullable=False),
        sa.Column("preferred_language", sa.String(35), nullable=False),
        sa.Column("removed", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("username_key", sa.String(256), nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("names_key", sa.Text, nullable=False),
        sa.Column("sort_key", sa.String(512), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("roles", sa.JSON, nullable=False),
        sa.Column("branch", sa.String(100), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("people_sort", "people", ["sort_key", "id"])
    op.create_table(
        "assignments",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("client_id", sa.String(36), nullable=False, index=True),
        sa.Column("person_id", sa.String(36), nullable=False, index=True),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("starts_at", UtcDateTime, nullable=False),
        sa.Column("ends_at", UtcDateTime),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "walls",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("one_id", sa.String(36), nullable=False, index=True),
        sa.Column("other_id", sa.String(36), nullable=False, index=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("cooling_off_days", sa.Integer, nullable=False),
        sa.Column("raised_at", UtcDateTime, nullable=False),
        sa.Column("lifted_at", UtcDateTime),
        sa.Column("version", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    raise RuntimeError("restore a backup instead")
