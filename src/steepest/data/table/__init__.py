"""CSV, Parquet, data frames and arrays as one Table, and the complete rows of it.

Nothing here imports Polars, narwhals or pandas until data is read.
"""
