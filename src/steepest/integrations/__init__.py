"""The watch in the training loops of other libraries: a callback for each."""
