"""What pytest leaves alone while it looks for doctests."""

from importlib.util import find_spec

# A callback is a class of its library's; the library is no part of a test environment.
collect_ignore = [] if find_spec("fastai") else ["src/steepest/integrations/fastai.py"]
