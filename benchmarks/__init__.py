"""What EndoLink promises, measured: `python -m benchmarks`, or `make bench`."""
