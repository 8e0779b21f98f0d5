"""Accounting: number series, issued documents, booking records."""
