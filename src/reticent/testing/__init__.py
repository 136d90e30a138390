"""Targets whose leakage is known exactly; shipped, so plug-ins can use them."""
