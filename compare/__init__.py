"""The comparison: run the implementations, hold their traces against each other, time them, report."""
