"""Mails as text and HTML: to buyers (`buyer`), and to operators about alarms, differences, new orders and
changes that a channel refused (`alarm`, `differences`, `new_orders`, `parked`; they share `operators`).

Each module turns one plain record into a `MailContent`. May import records of `models`, `documents.text` and,
for GiroCodes, `documents.papers`.
"""
