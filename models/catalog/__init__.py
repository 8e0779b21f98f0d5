"""The catalog: articles, variants, bundles, listings."""
