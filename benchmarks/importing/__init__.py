"""Importing, beside what people use now for the same data."""
