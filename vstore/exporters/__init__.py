"""Exporters: what lets others read commits without vstore."""

from vstore.exporters.references import export_refs, notes, references

__all__ = ["export_refs", "notes", "references"]
