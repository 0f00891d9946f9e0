"""What the frameworks' defaults make of a training: how far apart they end, and what makes how much of it."""
