"""Somebody's own model, as an implementation: loaded, understood, and recorded in its own process."""
