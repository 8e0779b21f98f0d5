"""Read articles and categories from a channel page by page and save each page whole."""

from collections.abc import Sequence

from prefect.logging import get_run_logger

from connectors.protocols.articles import ArticleQuery
from models.intake.article_sets import link_members
from models.intake.articles import save_articles, save_categories
from models.order_desk.match_choices import rematch_lines
from models.sync.rejected import save_rejected
from models.tenants.account import options_as
from models.tenants.options import ArticleOptions, Role
from tasks.run.steps import step
from tasks.run.windows import Window, advance, open_window
from tasks.run.work import work_of

CURSOR = "articles"


@step
def open_article_window(run_id: int, *, full: bool, numbers: Sequence[str]) -> Window:
    """Return which articles this run reads: all of them the first time and if `full` is true."""
    return open_window(work_of(run_id), CURSOR, numbers=numbers, afresh=full)


@step
def import_category_page(run_id: int, page: str | None) -> str | None:
    """Save one page of the category tree; return the next page."""
    work = work_of(run_id)
    if options_as(work.account, ArticleOptions).role is not Role.articles:
        return None
    fetched = work.articles.fetch_categories(page)
    with work.transaction() as session:
        save_categories(session, work.account.id, fetched.records)
        save_rejected(session, work.account.id, fetched.rejected)
    work.counts.rejected += len(fetched.rejected)
    return fetched.next_cursor


@step
def import_article_page(run_id: int, window: Window, page: str | None) -> str | None:
    """Save one page of articles, the rejected records and the cursor in one commit; return the next page."""
    work = work_of(run_id)
    query = ArticleQuery(changed_since=window.since, external_ids=window.numbers)
    fetched = work.pages.fetch(work.articles.fetch_articles, query, page)
    with work.transaction() as session:
        counts = save_articles(session, work.account, work.rules, fetched.records, test=work.test)
        save_rejected(session, work.account.id, fetched.rejected)
        advance(session, work, CURSOR, window, fetched.next_cursor)
    counts.read += len(fetched.rejected)
    counts.rejected += len(fetched.rejected)
    work.counts.add(counts)
    get_run_logger().info(counts.text())
    return fetched.next_cursor


@step
def link_article_sets(run_id: int) -> None:
    """Link variants to their parents and parts to their bundles, once all pages are saved."""
    work = work_of(run_id)
    with work.transaction() as session:
        work.counts.rejected += link_members(session, work.account.id)


@step
def match_waiting_lines(run_id: int) -> None:
    """Match the order lines without an article again, if this run read a new or changed article."""
    work = work_of(run_id)
    if work.test or not (work.counts.new or work.counts.changed):
        return
    with work.transaction() as session:
        found = rematch_lines(session, work.account, work.rules)
    get_run_logger().info("%d order lines that waited have their article now", found)
