"""What a rule refuses, in words for the person who asked.

A message says what is wrong and what to do; it holds no secret and no buyer's data.
"""


class RuleError(Exception):
    """A request that the rules do not allow; nothing was changed."""


class NotFoundError(RuleError):
    """A name or number that does not exist here."""


class SettingsError(RuleError):
    """A setting that stops the start."""


class UnexpectedError(Exception):
    """A bug: its kind and where it happened, without its own words, which may quote a record."""


class LeaseHeldError(RuleError):
    """Another run works on this account and cycle."""


class LeaseLostError(Exception):
    """This run lost its lease to another; what it has not committed must not be committed."""
