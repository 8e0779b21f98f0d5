"""Payments: money received and given back, reminders."""
