"""Tenants: sellers, their accounts at outside systems, and what operators may set.

Entry points: `tenant`, `account` (accounts, their settings and mode), `account_kinds` (what each kind of
account can do), `options` (settings of an account), `methods` (payment and shipping methods), `locks` (the
tenant lock: one writer at a time), `logo`, `records` (plain data), `views` (records for lists).
May import `database`.
"""
