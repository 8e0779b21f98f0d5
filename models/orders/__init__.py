"""The order itself: records, tables, holds, history, amounts, states, checks, matching."""
