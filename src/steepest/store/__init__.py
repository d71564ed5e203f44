"""The store: runs in one SQLite file, whole or not at all, written while they go on."""
