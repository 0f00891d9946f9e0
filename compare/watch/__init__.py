"""Somebody's training script, run unchanged in its own process and recorded; or run on given weights and batches."""
