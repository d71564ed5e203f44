"""The lab: gradient descent in a browser, live. A thin door: the jobs compute.

A server for the page alone, on the user's own machine. What is asked passes the guard, is read by
a route, and computed in a thread beside the event loop.
"""

from steepest.lab.server import serve

__all__ = ["serve"]
