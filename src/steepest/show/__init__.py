"""How it is shown: figures, terminal, report, notebook, exported scripts and tables."""
