"""Rows of several arrays in their order: each chunk is read and decoded once, on threads.

What comes of a scan is NumPy arrays and packed bytes; `vstore.arrow` makes Arrow of them.
Training reads in any order and more than once, which `reader` does. Reading is below.
"""
