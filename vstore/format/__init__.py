"""The stored format: documents, pages, packs and chunks as values. No I/O happens here."""
