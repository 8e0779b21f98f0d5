"""Afterbuy's XML on the simulator's side.

Entry points: `envelope` (requests and responses), `writer` (results), `booleans` (flags in requests).
"""
