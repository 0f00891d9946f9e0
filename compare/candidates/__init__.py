"""Somebody's own model, made to look like an implementation: loaded, understood, and recorded in a process of its own."""
