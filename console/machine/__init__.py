"""What runs on this machine: the processes behind `warenfluss up`.

Entry points: `up` (start, watch and stop everything), `chores` (what `up` does beside the cycles), `health`
(the checks of `doctor`), `processes` (child processes that are restarted), `prefect_env` (which Prefect
server, where its data is), `die_with_parent` (end a child with its parent).
May import no other package of console.
"""
