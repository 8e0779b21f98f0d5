"""What papers and buyer mails say: records that `documents/` turns into PDF, HTML and text.

Entry points: `priced_papers` (confirmation, offer, receipt), `parcel_papers` (packing slip, return slip,
address label), `pick_papers` (pick lists), `buyer_mail` (mails to buyers), `records` (the plain data).
May import every package below it: `database`, `catalog`, `tenants`, `tax`, `orders`, `accounting`, `mails`,
`warehouse`, `fulfilment`, `invoicing` and `payments`.
"""
