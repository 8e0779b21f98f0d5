"""Call a step page by page."""

from collections.abc import Callable

from tasks.run.artifacts import show_progress, start_progress
from tasks.run.work import Work


def each_page(work: Work, step: Callable[[str | None], str | None], first: str | None = None) -> None:
    """Call a step with the first page, and then with each page that it returns, until it returns None.

    From the second page on a progress bar shows how much was read; channels do not say how much there is.
    """
    page = step(first)
    if page is None:
        return
    progress = start_progress(work.cycle, work.account.name)
    while page is not None:
        show_progress(progress, 0.0, f"{work.counts.read} read so far")
        page = step(page)
    show_progress(progress, 100.0, f"{work.counts.read} read")
