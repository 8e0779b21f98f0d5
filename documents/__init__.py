"""Papers and mails: records in, PDF, HTML or text out; nothing here reads the database.

Entry points: `papers` (PDF) and `mails`. Both use `text` (templates, translations), `words` (formats on
papers) and `payment_names`. Templates are in `templates/`, German translations in `locale/`.
May import of `models` only plain data (`records`, `options`), `errors`, `values` and `clock`.
"""
