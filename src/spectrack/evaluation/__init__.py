"""Run methods over data sets, score their results, and report."""
