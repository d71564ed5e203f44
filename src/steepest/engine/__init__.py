"""The compiler, imported when it is needed, and what an operation is in it."""
