"""What the serving benchmarks put at both ends of a proxy, and around it."""
