"""Words: errors and how things are said."""
