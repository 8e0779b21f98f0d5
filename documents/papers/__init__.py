"""Papers as PDF, drawn from plain records.

Entry points: `render` (any paper drawn on request), `invoice` (issued documents, as PDF/A), `join` (many PDFs
in one file), `logo` (read a logo file). The other modules are the single papers and what they share: `frame`
(A4), `roll` (thermal printers), `priced` (lines and sums), `barcode`, `giro_code`, `archival`. May import
records of `models`, `documents.text`, `documents.words` and `documents.payment_names`.
"""
