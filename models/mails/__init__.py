"""Mails: the outbox, and which events buyers are mailed of."""
