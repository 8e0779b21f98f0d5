"""Deployments: which cycle runs for which account, when, and in which process.

Entry points: `accounts` (deploy an account's cycles with their schedules), `worker` (a Prefect worker that
forks runs), `work_pool`, `ended_runs` (mark runs as ended whose process is gone), `silent_runs` (Prefect's
automation for runs without a heartbeat), `sqlite_pool` (one connection to Prefect's SQLite database).
Decides nothing about orders or stock. May import every room except `console`.
"""
