"""How cost grows: time and memory by rows, weights, steps and learning rates.

`python -m benchmarks.growth` measures all of it and writes GROWTH.md with its pictures.
"""
