"""A copy of the model, as a stepping stone."""
