"""The demo: a merchant with sample data and a channel."""
