"""What may fail: lists of contingencies, selectors, what shares a tower, what criteria secure."""
