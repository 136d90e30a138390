"""Audit what vectors give back of the texts behind them."""
