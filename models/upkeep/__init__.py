"""Upkeep: backup and restore, work after a restore, deletion of old data, status of accounts.

Entry points: `backup`, `after_restore`, `pruning`, `status`.
It stands at the top because it must see every table. May import `database`, `catalog`, `tenants`, `sync`,
`orders`, `accounting`, `mails`, `warehouse`, `reconciliation` and `privacy`.
"""
