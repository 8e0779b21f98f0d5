"""The order desk: what people can do with orders.

Entry points: `manual_orders` (take an order by telephone), `repeats` (repeat, exchange), `offers`, `edits`
(change an order, accept a hold), `match_choices` and `method_mapping` (unknown articles and methods), `lists`
(find orders).
May import `database`, `catalog`, `tenants`, `sync`, `orders`, `accounting`, `warehouse`, `fulfilment`,
`invoicing`, `payments`, `intake` and `papers`.
"""
