"""Accounting: number series, issued documents and booking records.

Entry points: `issued` (issue and find invoices and credit notes), `numbers` (gapless number series),
`bookings` (what an accounting system reads), `records` (plain data for `documents/` and exports).
It stands below `payments` and `invoicing`, because both write bookings in their own transaction.
May import `database`, `tenants`, `tax` and `orders`.
"""
