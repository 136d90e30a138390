"""From a vector back to the text that it was made from."""
