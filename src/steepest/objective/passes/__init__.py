"""Rows that are passed over and not held: more than memory has room for, or in many processes."""
