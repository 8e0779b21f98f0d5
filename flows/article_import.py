"""The cycle `article-import`: read articles, variants, bundles and categories from a channel."""

from prefect.client.schemas.objects import State

from flows.cycle import cycle_flow, finished
from models.sync.records import Cycle
from tasks.intake.articles import (
    import_article_page,
    import_category_page,
    link_article_sets,
    match_waiting_lines,
    open_article_window,
)
from tasks.run.paging import each_page
from tasks.run.work import work_on


@cycle_flow(Cycle.article_import)
def article_import(
    account: str, test: bool = False, full: bool = False, articles: list[str] | None = None
) -> State:
    """Read the articles that changed since the last run.

    Args:
        account: Name of the account to read from.
        test: Read only to look; no stock is saved.
        full: Read all articles again, not only those that changed.
        articles: Read only these articles, by the channel's ids.
    """
    with work_on(account, Cycle.article_import, test=test) as work:
        window = open_article_window(work.run_id, full=full, numbers=articles or [])
        each_page(work, lambda page: import_category_page(work.run_id, page))
        each_page(work, lambda page: import_article_page(work.run_id, window, page), window.page)
        link_article_sets(work.run_id)
        match_waiting_lines(work.run_id)
    return finished(work.counts)
