"""Tasks: the steps of cycles. Each reads, decides and saves one page or batch, and may be repeated.

Packages: `watch` (alarms, mail delivery), `run` (what every run shares), `intake` (channel to rows),
`outbound` (rows to channel), `reconciliation`, `sheets` (spreadsheets). Beside them: `fulfilment`,
`reminders`, `invoicing`, `drawing`, `buyer_mails` and `upkeep`, for work that asks no channel.
May import `models`, `documents` and `connectors`; rules and SQL belong in `models`. No transaction stays
open across a call to an outside system.
"""
