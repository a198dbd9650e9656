"""HTML in which all text is escaped, pictures and small plots: what notebooks and pages show."""
