"""HTTP for all connectors: `transport` is the one way out, and the only public module.

`exchange` sends one request and reads a bounded answer; `redaction` takes secrets out of texts. May import
`errors` and `protocols.results`.
"""
