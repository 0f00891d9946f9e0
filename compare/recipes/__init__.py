"""What the tutorials claim, and what happens: their recipes trained in every implementation."""
