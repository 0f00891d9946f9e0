"""The shortest honest program for one network in each framework, and the proof of what it computes."""
