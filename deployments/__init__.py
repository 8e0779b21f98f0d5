"""Deployments: which cycle runs for which account, when, and in which process.

Entry points: `deploy` (deploy the cycles of accounts), `schedules` (when they run: change it, and copy it to
our database), `deployed` (what is deployed; run it on request), `worker` (a Prefect worker that forks runs),
`work_pool`, `ended_runs` (end runs in Prefect whose process is gone), `silent_runs` (Prefect's automation for
runs without a heartbeat), `sqlite_pool` (one connection to Prefect's SQLite database).
All private names of Prefect are in `prefect_private`.
Decides nothing about orders or stock. May import every room except `console`.
"""
