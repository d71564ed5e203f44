"""The frozen records that cross every boundary. The nouns are those of the design.

Arrays are float64 unless said otherwise, and nobody writes into them. `n` is the number of
rows, `p` the number of weights, `k` the number of recorded steps. What was not measured is
None, and `Measurements.not_measured` says why.
"""
