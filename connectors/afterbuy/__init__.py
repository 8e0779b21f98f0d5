"""Afterbuy: a German multi-channel order system with an XML interface.

Start with `spec`, which says what the connector is and opens a connection. It is not in this file, because
importing `connectors.afterbuy.simulator` runs this file, too: a simulator stands outside the product and must
not load the client.
"""
