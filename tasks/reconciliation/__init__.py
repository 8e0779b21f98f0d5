"""Reconciliation tasks: compare both sides, and run orders again.

Entry points: `compare` (read orders and stock back from the channel and save what differs), `looks` (one
look at both sides), `replay` (send orders through the usual steps again and report which effects are new).
The rules are in `models.reconciliation`. May import `tasks.run`, `tasks.intake` and `tasks.outbound`.
"""
