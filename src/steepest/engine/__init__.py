"""The compiler and what an operation is in it."""
