"""The hottest loops, written eight numbers at a time. Imported only when a compiled form first runs."""
