"""The order itself: its tables, and the rules that need nothing but the order.

Entry points: `order` (the tables), `records` (what a channel reports), `queries` (find and lock orders),
`states` (allowed state changes), `holds`, `checks` (what holds an order), `amounts`, `history`, `matching`
(which article a line means).
What happens to an order is in `intake`, `fulfilment`, `payments` and `order_desk`.
May import `database`, `catalog`, `tenants` and `sync`.
"""
