"""Files to start from, as `check.py --template` prints them."""
