"""The whole jobs: fit, minimize, sweep, train, watch."""
