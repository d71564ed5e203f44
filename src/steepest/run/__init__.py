"""A run that can be asked about any of its steps, kept and loaded."""
