"""The bench: the whole job of fitting, measuring, judging and proving."""
