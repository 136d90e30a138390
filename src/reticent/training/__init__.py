"""What makes a model say less before it is served: changes to its data and its training."""
