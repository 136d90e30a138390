"""The operators' side of a guard: health, metrics and the dashboard, on a port of their own."""

from reticent.guard.admin.app import admin_app

__all__ = ["admin_app"]
