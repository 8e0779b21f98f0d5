"""Reconciliation: compare both sides; what was done for an order."""
