"""Mails: the outbox of written mails, and the queue of events that buyers are mailed about.

Entry points: `outbox` (queue, claim and settle mails), `buyer_events` (queue an event's mail in the
transaction that caused it), `records` (the plain content of mails).
What a buyer mail says is in `models.papers.buyer_mail`; the wording is in `documents.mails`.
May import `database`, `tenants`, `sync` and `orders`.
"""
