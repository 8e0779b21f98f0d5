"""Intake: from a channel's or a sheet's records to rows."""
