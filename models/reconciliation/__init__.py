"""Reconciliation: what differs between our data and the channel's, and what has been done for an order.

Entry points: `comparison` (rules that compare two records), `news` (differences that a cycle will still
settle), `queries` (what both need from the database), `differences` (the table of differences, and what
settles each), `selection` (which orders a replay runs again), `effects` (what was done for an order, for
replays), `records` (plain data).
May import `database`, `catalog`, `tenants`, `sync`, `orders`, `accounting`, `fulfilment`, `payments` and
`intake`.
"""
