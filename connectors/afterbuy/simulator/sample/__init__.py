"""Invented sample data of the stand-in, made from a seed: a shop, its buyers, orders that keep arriving.

Entry points: `account.sample_state`, `arrivals.arrive`; `malformed` makes broken answers for faults.
"""
