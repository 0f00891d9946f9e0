"""The speed track: what a training step costs in each implementation, under the same conditions for all."""
