"""Linear programmes on HiGHS: who produces, what the grid and its N-1 limits cost."""
