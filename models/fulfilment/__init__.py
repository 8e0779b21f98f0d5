"""Fulfilment: hold, cancel, release, ship, consolidate, split, pick up, return."""
