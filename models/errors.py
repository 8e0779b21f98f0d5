"""Errors of rules, in words for the person who asked.

A message says what is wrong and what to do; it contains no secret and no buyer's data.
"""


class RuleError(Exception):
    """The rules do not allow the request; nothing was changed."""


class NotFoundError(RuleError):
    """There is nothing with this name or number."""


class SettingsError(RuleError):
    """A setting prevents the start."""


class UnexpectedError(Exception):
    """A bug: its type and place, without the original message, which may quote a record."""


class LeaseHeldError(RuleError):
    """Another run holds the lease of this account and cycle."""


class LeaseLostError(Exception):
    """This run lost its lease to another; its uncommitted changes must not be committed."""
