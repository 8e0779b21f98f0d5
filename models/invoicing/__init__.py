"""Invoicing: drafts, invoices, credit notes."""
