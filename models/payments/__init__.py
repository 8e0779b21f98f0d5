"""Payments: money received and paid back, and payment reminders.

Entry points: `payment` (record payments and refunds, take over what a channel reports) and `reminders`
(ask for payment, remind, cancel unpaid orders).
May import `database`, `tenants`, `sync`, `orders`, `accounting`, `mails` and `fulfilment`.
"""
