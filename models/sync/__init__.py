"""Sync: the machinery that every cycle shares.

Entry points: `runs` (runs and their leases), `cycles` (which account has which cycle), `schedules`,
`cursors`, `outbound` (queue an update for a channel), `delivery` (claim, send, retry and park queued
updates), `rejected` (records that could not be used), `calls` (log of calls), `alarms`, `records` (plain
data).
May import `database` and `tenants`.
"""
