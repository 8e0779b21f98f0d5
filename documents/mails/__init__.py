"""Mails as text and HTML."""
