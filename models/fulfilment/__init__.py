"""Fulfilment: what happens to an order between payment and delivery, and when goods come back.

Entry points: `release` (hand orders to the warehouse), `holding` (hold, cancel), `shipments` (parcels),
`consolidation` (several orders in one parcel), `splitting` (hold units back), `pickup` (click and collect),
`returns`, `views` (records for lists).
May import `database`, `tenants`, `sync`, `orders`, `accounting`, `mails` and `warehouse`.
"""
