"""The hottest loops, written eight or sixteen numbers at a time. Imported only when a compiled form first runs."""
