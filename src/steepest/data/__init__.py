"""Rows: tables, samples of networks, and the data sets that are known by name."""
