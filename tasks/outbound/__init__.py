"""Outbound tasks: send queued updates (stock, payments, shipments, cancellations) to a channel.

Entry point: `delivery`. It claims a batch, builds the values from the current rows, sends them and saves
each answer. An update whose answer was lost is read back before it is sent again.
The queue is in `models.sync`. May import `tasks.run`.
"""
