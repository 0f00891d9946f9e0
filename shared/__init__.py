"""What all three implementations are given: data, initial weights, batch order and dropout masks."""
