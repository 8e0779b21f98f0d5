"""Privacy: how long buyers' data is kept, anonymisation, and a person's right to access and erasure.

Entry points: `retention` (retention periods and what is due), `anonymisation` (remove buyers' data from
orders), `persons` (find a buyer's data), `export`, `erasure`, `personal_columns` (where personal data is).
It stands at the top because it must see every table with personal data. May import `database`, `tenants`,
`sync`, `tax`, `orders`, `accounting`, `mails`, `fulfilment`, `invoicing`, `intake` and `order_desk`.
"""
