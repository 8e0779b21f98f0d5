"""The warehouse: stock, where it is stored, which order lines it is allocated to, and picking.

Entry points: `allocation` (allocate stock to order lines), `ledger` (count, book in, book out), `levels`
(stock by article and warehouse), `sellable` (what a channel may offer), `warehouses`, `bins`, `picking`
(make and close pick lists), `scanning` (scans of a picker), `lists` and `views` (records for lists).
May import `database`, `catalog`, `tenants`, `sync` and `orders`.
"""
