"""Sets from a channel: variants are linked to parents, and parts to bundles, after the last page."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import delete
from sqlmodel import Session, col, select

from models.catalog.article import Article, BundlePart
from models.catalog.listing import Listing
from models.catalog.records import ArticleKind, MemberData
from models.database.bulk import insert_rows
from models.database.conditions import among, in_batches
from models.sync.records import RejectedData
from models.sync.rejected import save_rejected, settle_rejected
from models.values import MAX_COUNT
from models.warehouse.sellable import queue_listings


def link_members(session: Session, account_id: int) -> int:
    """Link variants to parents and parts to bundles, after all pages are saved.

    Returns: how many sets lack a member or are invalid; they are rejected until the channel reports them
    again.
    """
    waiting = session.exec(
        select(Listing).where(
            Listing.account_id == account_id,
            col(Listing.members_open).is_(True),
            col(Listing.article_id).is_not(None),
        )
    ).all()
    wanted = {member["external_id"] for listing in waiting for member in listing.members}
    article_ids: dict[str, int] = {}
    for batch in in_batches(sorted(wanted)):
        rows = session.execute(
            select(col(Listing.external_id), col(Listing.article_id)).where(
                col(Listing.account_id) == account_id,
                among(col(Listing.external_id), batch),
                col(Listing.article_id).is_not(None),
            )
        )
        article_ids.update(rows.tuples().all())
    incomplete = []
    for listing in waiting:
        members = [MemberData.model_validate(member) for member in listing.members]
        missing = [member.external_id for member in members if member.external_id not in article_ids]
        if missing:
            incomplete.append(_incomplete(listing, missing))
            continue
        article = session.get_one(Article, listing.article_id)
        if not _link(session, article, members, article_ids):
            incomplete.append(_too_many(listing))
            continue
        listing.members_open = False
        session.add(listing)
    session.flush()
    save_rejected(session, account_id, incomplete)
    open_ids = {item.external_id for item in incomplete}
    settle_rejected(
        session, account_id, "set", [row.external_id for row in waiting if row.external_id not in open_ids]
    )
    return len(incomplete)


def _incomplete(listing: Listing, missing: Sequence[str]) -> RejectedData:
    shown = ", ".join(missing[:5])
    return RejectedData(
        kind="set",
        external_id=listing.external_id,
        reason=f"{len(missing)} of its members are not known (e.g. {shown}); run article-import in full.",
    )


def _too_many(listing: Listing) -> RejectedData:
    return RejectedData(
        kind="set",
        external_id=listing.external_id,
        reason=f"It holds more than {MAX_COUNT} of one article; correct the quantities of its members.",
    )


def _link(
    session: Session, article: Article, members: Sequence[MemberData], article_ids: Mapping[str, int]
) -> bool:
    """Link members to their set; return False and change nothing if one article has too many units."""
    article_id = article.row_id
    ids = [article_ids[member.external_id] for member in members]
    if article.kind is ArticleKind.parent:
        rows = {row.row_id: row for row in session.exec(select(Article).where(among(col(Article.id), ids)))}
        for member in members:
            variant = rows[article_ids[member.external_id]]
            variant.parent_id, variant.variant_values = article_id, member.values
            if variant.kind is ArticleKind.single:
                variant.kind = ArticleKind.variant
            session.add(variant)
    elif article.kind is ArticleKind.bundle:
        quantities: dict[int, int] = defaultdict(int)
        for member in members:
            quantities[article_ids[member.external_id]] += member.quantity
        quantities.pop(article_id, None)
        if max(quantities.values(), default=0) > MAX_COUNT:
            return False
        session.execute(delete(BundlePart).where(col(BundlePart.bundle_id) == article_id))
        rows_of_parts = [
            {"bundle_id": article_id, "part_id": part_id, "quantity": quantity}
            for part_id, quantity in sorted(quantities.items())
        ]
        insert_rows(session, BundlePart, rows_of_parts)
        queue_listings(session, [article_id])
    return True
