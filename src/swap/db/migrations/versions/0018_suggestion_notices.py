"""Tell people of suggestions, and of what became of theirs."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_BEFORE = "kind in ('mention','reply','comment','share','offer')"
_KINDS = "kind in ('mention','reply','comment','share','offer','suggestion','accepted','declined')"


def upgrade() -> None:
    _kinds(_KINDS)


def downgrade() -> None:
    op.execute("DELETE FROM swap.notice WHERE kind IN ('suggestion','accepted','declined')")
    _kinds(_BEFORE)


def _kinds(condition: str) -> None:
    op.drop_constraint("ck_notice_kind", "notice", schema="swap", type_="check")
    op.create_check_constraint("ck_notice_kind", "notice", condition, schema="swap")
