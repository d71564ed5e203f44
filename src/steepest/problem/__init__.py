"""A problem made ready: data, formula and options put together."""
