"""What is measured at one point: gradient, curvature, minimum, statistics, landscapes."""
