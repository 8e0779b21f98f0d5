"""Intake tasks: read one page from a channel and save it with its cursor in one commit.

Entry points: `orders`, `payments`, `articles` (one page each), `methods` (payment and shipping methods that
the channel lists). What a page becomes is decided in `models.intake` and `models.payments`.
May import `tasks.run`.
"""
